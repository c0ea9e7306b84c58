import pLimit from 'p-limit'
import type { AgentRunRef, FindResult } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import { untilAborted } from './abortable.ts'
import type { CodegenClient } from './codegen-client.ts'
import { isAuth } from './codegen-errors.ts'
import { readFirstMark } from './codegen-logs.ts'
import { isKeyMetadata } from './codegen-order.ts'
import type { CodegenRun } from './codegen-schemas.ts'
import type { ProviderClock } from './provider-clock.ts'
import { readRunsBack } from './read-runs-back.ts'

/** What a search for runs works with. */
export interface RunFinderOptions {
  readonly client: CodegenClient
  organization(signal: AbortSignal): Promise<string>
  userId(signal: AbortSignal): Promise<string>
  toRef(run: CodegenRun, organization: string): AgentRunRef
  /** Ends what is under way for good. */
  readonly closed: AbortSignal
  readonly clock: Clock
  /** Runs are dated by it. */
  readonly providerClock: ProviderClock
}

/** Looks a key up among the runs made since `since` (ms). */
export type FindRun = (key: AttemptKey, since: number, signal: AbortSignal) => Promise<FindResult>

/** How far the provider's clock may be behind ours beside what is known of it. */
const CLOCK_MARGIN_MS = 5 * 60_000
/** Logs read for one question; what they say is remembered for the next. */
const MOST_LOGS = 20
const MOST_REMEMBERED = 2000

interface Question {
  readonly since: number
  readonly signal: AbortSignal
  resolve(runs: RecentRuns): void
  reject(error: unknown): void
}

interface RecentRuns {
  readonly runs: readonly CodegenRun[]
  readonly organization: string
}

/**
 * Finds what a create of unknown outcome has made: by metadata, else by the mark in a run's first message. Questions that
 * come together are answered by one walk through the list. What cannot be read is 'unknown'; only `auth` is thrown.
 *
 * The list is asked for this user's runs that came by the API. That it shows what troupe makes is documented nowhere: until it has
 * shown such a run, an absence counts only in the list of all.
 */
export function createRunFinder(options: RunFinderOptions): FindRun {
  const { providerClock } = options
  let showsOurs = false
  const walkOwn = createSharedWalk((since) => listSince(options, since, true))
  const walkAll = createSharedWalk((since) => listSince(options, since, false))
  /** Run id -> key that its first message names, or '' for none. */
  const marks = new Map<string, string>()
  /** One after the other: the next finds in `marks` what the first has read. */
  const oneByOne = pLimit(1)

  const byMark = async (recent: RecentRuns, key: AttemptKey, since: number, signal: AbortSignal) => {
    const unmarked = recent.runs.filter((run) => run.metadata === null || Object.keys(run.metadata).length === 0)
    const asked = unmarked.filter((run) => !marks.has(run.id)).sort((a, b) => distance(a, since) - distance(b, since))
    let undecided = Math.max(0, asked.length - MOST_LOGS)
    for (const run of asked.slice(0, MOST_LOGS)) {
      const mark = await readMark(options.client, recent.organization, run.id, signal)
      if (mark === 'unknown') undecided++
      else remember(marks, run.id, mark)
    }
    return { found: unmarked.filter((run) => marks.get(run.id) === formatKey(key)), undecided }
  }

  const look = async (walk: typeof walkOwn, key: AttemptKey, since: number, signal: AbortSignal) => {
    const recent = await walk(since - CLOCK_MARGIN_MS, signal)
    const earliest = since - CLOCK_MARGIN_MS - providerClock.behindMs
    const inRange = recent.runs.filter((run) => (run.createdAt ?? since) >= earliest)
    let found = recent.runs.filter((run) => isKeyMetadata(run.metadata, key))
    if (found.length === 0) {
      const search = oneByOne(() => byMark({ ...recent, runs: inRange }, key, since, signal))
      const marked = await untilAborted(search, signal)
      if (marked.found.length === 0 && marked.undecided > 0) {
        return unknown(
          `${marked.undecided} recent agent runs carry no metadata, and their logs do not tell whose they are`,
        )
      }
      found = marked.found
    }
    if (walk === walkOwn) {
      showsOurs ||= recent.runs.some(
        (run) => run.metadata?.['troupe'] !== undefined || (marks.get(run.id) ?? '') !== '',
      )
    }
    const [ref, ...others] = found.sort(byAge).map((run) => options.toRef(run, recent.organization))
    return ref === undefined ? ABSENT : ({ kind: 'found', ref, others } as const)
  }

  return async (key, since, signal) => {
    try {
      const own = await look(walkOwn, key, since, signal)
      return own.kind !== 'absent' || showsOurs ? own : await look(walkAll, key, since, signal)
    } catch (error) {
      if (signal.aborted || isAuth(error) || !(error instanceof BackendError)) throw error
      return unknown(error.message)
    }
  }
}

const ABSENT = { kind: 'absent' } as const

/** Asks for the walk that has not begun yet: one under way may have passed the place already. */
function createSharedWalk(list: (since: number) => Promise<RecentRuns>) {
  let waiting: Question[] = []
  let isWalking = false

  const walkForAll = async () => {
    isWalking = true
    while (waiting.length > 0) {
      const questions = waiting.filter((question) => !question.signal.aborted)
      waiting = []
      if (questions.length === 0) break
      const since = Math.min(...questions.map((question) => question.since))
      try {
        const recent = await list(since)
        for (const question of questions) question.resolve(recent)
      } catch (error) {
        for (const question of questions) question.reject(error)
      }
    }
    isWalking = false
  }
  return (since: number, signal: AbortSignal): Promise<RecentRuns> => {
    const answer = new Promise<RecentRuns>((resolve, reject) => {
      waiting.push({ since, signal, resolve, reject })
    })
    // In a turn of its own, so that those who ask in one go walk together.
    if (!isWalking) void Promise.resolve().then(() => (isWalking ? undefined : walkForAll()))
    return untilAborted(answer, signal)
  }
}

async function listSince(options: RunFinderOptions, since: number, isOwn: boolean): Promise<RecentRuns> {
  const { client, closed, clock, providerClock } = options
  const organization = await options.organization(closed)
  const list = {
    client,
    organization,
    answered: (serverAt: number | null) => providerClock.answered(serverAt, clock.now()),
    isOldEnough: (createdAt: number) => createdAt < since - providerClock.behindMs,
  }
  if (!isOwn) return { runs: await readRunsBack(list, closed), organization }
  const userId = await options.userId(closed).catch((error: unknown) => {
    if (closed.aborted || isAuth(error)) throw error
    return undefined
  })
  return { runs: await readRunsBack({ ...list, userId, sourceType: 'API' }, closed), organization }
}

async function readMark(
  client: CodegenClient,
  organization: string,
  id: string,
  signal: AbortSignal,
): Promise<string | 'unknown'> {
  try {
    const mark = await readFirstMark({ client, organization, id }, signal)
    if (mark === 'unknown') return mark
    return mark === undefined ? '' : formatKey(mark)
  } catch (error) {
    if (signal.aborted || isAuth(error) || !(error instanceof BackendError)) throw error
    return error.kind === 'not-found' ? '' : 'unknown'
  }
}

function remember(marks: Map<string, string>, id: string, mark: string): void {
  marks.set(id, mark)
  const [oldest] = marks.keys()
  if (marks.size > MOST_REMEMBERED && oldest !== undefined) marks.delete(oldest)
}

function distance(run: CodegenRun, at: number): number {
  return Math.abs((run.createdAt ?? at) - at)
}

function byAge(a: CodegenRun, b: CodegenRun): number {
  if (a.createdAt !== null && b.createdAt !== null && a.createdAt !== b.createdAt) return a.createdAt - b.createdAt
  return Number(a.id) - Number(b.id) || 0
}

function unknown(reason: string): FindResult {
  return { kind: 'unknown', reason }
}
