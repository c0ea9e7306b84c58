import type { LogEntry } from '../../domain/backend.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, findMark, formatKey } from '../../domain/ids.ts'
import type { CodegenClient } from './codegen-client.ts'
import { isAuth } from './codegen-errors.ts'
import type { CodegenLog } from './codegen-schemas.ts'
import { isLastPage, PAGE_SIZE } from './codegen-sender.ts'

/** Which run's log is read, at which organization. */
export interface LogPlace {
  readonly client: CodegenClient
  readonly organization: string
  readonly id: string
}

const MOST_TEXT = 4096
/** Pages read in search of a turn's mark. */
const MOST_TURN_PAGES = 20
/** The first message stands at the beginning of a log. */
const FIRST_ENTRIES = 20

/** The newest `limit` entries of a run's log, oldest first, each text cut to 4 KB. */
export async function readNewestLogs(
  place: LogPlace,
  limit: number,
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  const entries: CodegenLog[] = []
  for await (const page of newestFirst(place, Math.min(limit, PAGE_SIZE), signal)) {
    entries.push(...page)
    if (entries.length >= limit) break
  }
  return entries.slice(0, limit).reverse().map(toLogEntry)
}

/** Whether the mark of a turn has reached the run, and whether a final answer follows it. 'unknown' when that is not to be read. */
export async function findTurnInLogs(
  place: LogPlace,
  { key, turn }: { readonly key: AttemptKey; readonly turn: number },
  signal: AbortSignal,
): Promise<'answered' | 'seen' | 'absent' | 'unknown'> {
  let isAnswered = false
  let showsMarks = false
  let pages = 0
  try {
    for await (const page of newestFirst(place, PAGE_SIZE, signal)) {
      for (const log of page) {
        if (log.type === 'FINAL_ANSWER') isAnswered = true
        if (log.type !== 'USER_MESSAGE') continue
        const mark = findMark(wholeText(log))
        if (mark === undefined) continue
        showsMarks = true
        if (formatKey(mark.key) === formatKey(key) && mark.turn === turn) return isAnswered ? 'answered' : 'seen'
        // What follows the message of a later turn answers that one.
        isAnswered = false
      }
      if (++pages >= MOST_TURN_PAGES) return 'unknown'
    }
    // A log without the messages of earlier turns does not tell that of this one either.
    return showsMarks ? 'absent' : 'unknown'
  } catch (error) {
    if (signal.aborted || isAuth(error) || !(error instanceof BackendError)) throw error
    return 'unknown'
  }
}

/** The attempt that a run's first message names: undefined if none, 'unknown' as long as there is no message. */
export async function readFirstMark(place: LogPlace, signal: AbortSignal): Promise<AttemptKey | undefined | 'unknown'> {
  const query = { skip: 0, limit: FIRST_ENTRIES, reverse: false }
  const page = await place.client.logs(place.organization, place.id, query, signal)
  const message = page.items.find((log) => log.type === 'USER_MESSAGE')
  return message === undefined ? 'unknown' : findMark(wholeText(message))?.key
}

/** Pages of a log from its end. Entries written meanwhile push the rest down; what is shown again for that is left out. */
async function* newestFirst(
  place: LogPlace,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<readonly CodegenLog[]> {
  let read = 0
  let lastTotal: number | null = null
  for (;;) {
    const query = { skip: read, limit, reverse: true }
    const page = await place.client.logs(place.organization, place.id, query, signal)
    if (page.items.length === 0 && page.total !== null && page.total > read) throw emptyPage(place)
    lastTotal ??= page.total
    const again = page.total === null || lastTotal === null ? 0 : Math.max(0, page.total - lastTotal)
    yield page.items.slice(again)
    read += page.items.length
    if (isLastPage(page, read)) return
    lastTotal = page.total
  }
}

/** An empty page that is not the end shows nothing, least of all that something is absent. */
function emptyPage({ id }: LogPlace): BackendError {
  const message = `The log of agent run ${id} shows none of its entries.`
  return new BackendError(message, { kind: 'unreachable', retryable: true, certain: true })
}

function toLogEntry(log: CodegenLog): LogEntry {
  const text = wholeText(log)
  return {
    at: log.createdAt,
    type: log.type,
    text: text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT - 1).replace(/[\ud800-\udbff]$/, '')}…` : text,
    ...(log.tool === null ? {} : { tool: log.tool }),
  }
}

function wholeText(log: CodegenLog): string {
  return [log.thought, log.observation, log.toolInput, log.toolOutput].filter((text) => text !== '').join('\n')
}
