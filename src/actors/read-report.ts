import type { AgentRunState, Failure } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError, DataFolderError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { CollectedWork } from '../domain/local-work.ts'
import type { Report } from '../domain/report.ts'
import { reportedWork } from '../domain/reported-work.ts'
import type { ReportInput, ReportOutput } from '../machines/effects.ts'
import { branchOf } from './branch-of.ts'
import { parseReport } from './parse-report.ts'
import type { RunContext } from './run-context.ts'

/** Results up to this many characters travel in the record; larger ones lie in a file, the record holds their beginning. */
const INLINE = 16_384
const METRICS = 4_096
/** Of the files that an attempt changed, the record names so many. */
const MOST_FILES = 100
const FILE_NAME = 300

/**
 * Reads what an ended agent run returned and checks it; then collects its work, where that lies on this machine. Rejects with kind
 * `reported` or `invalid-report`, or with what kept the work from being collected.
 */
export const readReport =
  (run: RunContext): Effect<ReportInput, ReportOutput> =>
  async (input, { signal }) => {
    const { state, report, text } = await readTurn(run, input, signal)
    const failure = reportFailure(run, input.task, { state, report, text })
    if (failure !== undefined) throw failure
    const collected = await collectWork(run, input, signal)
    const body = {
      result: text || state.summary || (report === undefined ? '' : brief(report.result)),
      ...(report === undefined ? {} : { output: report.result }),
    }
    const rest = {
      ...metricsOf(report),
      pullRequests: state.pullRequests,
      ...(state.url === undefined ? {} : { url: state.url }),
      ...(collected === undefined ? {} : { collected }),
    }
    const whole = JSON.stringify(body)
    if (whole.length <= INLINE) return { ...body, ...rest }
    const file = await keepPatiently(run, input, whole, signal)
    const work = reportedWork(report?.result, report?.metrics)
    return { result: body.result.slice(0, INLINE / 2), file, ...rest, ...(work === undefined ? {} : { work }) }
  }

/** They lie in the record: of too many the numbers alone are kept, bounded. */
function metricsOf(report: Report | undefined): { readonly metrics?: JsonObject } {
  if (report?.metrics === undefined) return {}
  if (JSON.stringify(report.metrics).length <= METRICS) return { metrics: report.metrics }
  return { metrics: { ...reportedWork(null, report.metrics)?.metrics } }
}

/** What an ended turn returned. */
export interface ReadTurn {
  readonly state: AgentRunState
  readonly report?: Report | undefined
  readonly text: string
}

/** Why a report is no success: it says so, or does not fit. */
export function reportFailure(run: RunContext, task: string, { state, report, text }: ReadTurn): Failure | undefined {
  const rest = { retryable: true, certain: true, ...branchOf(state.pullRequests) } as const
  if (report?.status === 'failed') {
    const said = brief(report.result) || brief(text)
    return { kind: 'reported', message: `The agent reported that it failed: ${said}`, ...rest }
  }
  const wrong = run.checkOutput(task, report?.result ?? null)
  if (wrong === undefined) return undefined
  return { kind: 'invalid-report', message: `The report does not fit the task's output: ${wrong}`, ...rest }
}

/** It lies in the record: of many files the first are named. */
async function collectWork(
  run: RunContext,
  { task, ref, turn }: ReportInput,
  signal: AbortSignal,
): Promise<CollectedWork | undefined> {
  const backend = run.backendOf(task)
  if (backend.capabilities.worktree !== true || backend.collect === undefined) return undefined
  const work = await backend.collect(ref, turn, signal)
  const files = work.files.slice(0, MOST_FILES).map((file) => ({ ...file, path: file.path.slice(0, FILE_NAME) }))
  return { ...work, files }
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value)
  return text.slice(0, 500)
}

/** What an answer that is out of date may still show, ms. */
const STALEST_MS = 60_000
const STALE_TURN_MS = 2_000

/** Reads what the turn returned. A report of another turn is out of date: it is read again. */
export async function readTurn(run: RunContext, input: ReportInput, signal: AbortSignal): Promise<ReadTurn> {
  const until = run.clock.now() + STALEST_MS
  for (;;) {
    const state = await readUntilAnswered(run, input, signal)
    const { report, text } = parseReport(state.result ?? '')
    // A backend that knows which turn has ended knows better than what the report echoes.
    const turn = state.turn ?? report?.turn
    const isOther = input.turn > 1 && turn !== undefined && turn !== input.turn
    if (!isOther || input.doubtful || run.clock.now() >= until) return { state, report, text }
    await sleep(run.clock, STALE_TURN_MS, signal)
  }
}

/**
 * The agent run has completed and was paid for, so its result is worth waiting for: only a command stops this. A read that shows it
 * at work, or not at all, is out of date, or somebody has resumed it: it holds no result, and says nothing of the one there was.
 */
async function readUntilAnswered(run: RunContext, input: ReportInput, signal: AbortSignal): Promise<AgentRunState> {
  for (let failures = 0; ; failures++) {
    try {
      const state = await run.backendOf(input.task).read(input.ref, signal)
      if (!WITHOUT_RESULT.has(state.status)) return state
      tellUnreadable(run, input, failures, `its backend says that it is ${state.rawStatus ?? state.status}`)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BackendError)) throw error
      tellUnreadable(run, input, failures, error.message)
    }
    await sleep(run.clock, Math.min(60_000, 1_000 * 2 ** Math.min(failures, 6)), signal)
  }
}

const WITHOUT_RESULT: ReadonlySet<AgentRunState['status']> = new Set(['active', 'paused', 'gone'])

function tellUnreadable(run: RunContext, { task }: ReportInput, failures: number, why: string): void {
  if (failures === 3) run.alert('unreadable', `${task}: its result cannot be read: ${why}`, task)
}

/** A disk that is full now is no verdict on work that was done and paid for: the text is kept once there is room. */
async function keepPatiently(run: RunContext, input: ReportInput, text: string, signal: AbortSignal): Promise<string> {
  for (let failures = 0; ; failures++) {
    try {
      return await run.keepResult(input.task, input.attempt, input.turn, text)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof DataFolderError)) throw error
      if (failures === 0) run.alert('disk', `${input.task}: its result cannot be kept: ${error.message}`, input.task)
      await sleep(run.clock, Math.min(60_000, 1_000 * 2 ** Math.min(failures, 6)), signal)
    }
  }
}
