import { BackendError } from '../../domain/errors.ts'
import type { CodegenClient } from './codegen-client.ts'
import type { CodegenRun } from './codegen-schemas.ts'
import { isLastPage, PAGE_SIZE } from './codegen-sender.ts'

/** Which list is read, and how far. */
export interface ReadRunsOptions {
  readonly client: CodegenClient
  readonly organization: string
  readonly userId?: string | undefined
  readonly sourceType?: string | undefined
  /** Told when a page was answered by the server's clock, ms; null where it does not say. */
  answered(serverAt: number | null): void
  /** Whether a run of that date ends the reading; asked after `answered`. */
  isOldEnough(createdAt: number): boolean
}

const MOST_PAGES = 100
/** Runs that a page shares with the one before: only so is it known that none lies between them. */
const MOST_OVERLAP = 5

/**
 * Reads the list of runs from the newest back. Runs that arrive or vanish meanwhile, and pages that are out of date, move what is
 * behind them: a page that shares no run with what was read is read again further up. Throws BackendError when no whole is to be had.
 */
export async function readRunsBack(options: ReadRunsOptions, signal: AbortSignal): Promise<readonly CodegenRun[]> {
  const { client, organization, userId, sourceType } = options
  const runs = new Map<string, CodegenRun>()
  let skip = 0
  let overlap = 0
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await client.list(organization, { skip, limit: PAGE_SIZE, sourceType, userId }, signal)
    options.answered(page.serverAt)
    const { items } = page
    if (items.length === 0 && page.total !== null && page.total > skip) throw unreadable('shows none of its runs')
    const isContiguous = overlap === 0 || skip === 0 || items.some(({ id }) => runs.has(id))
    for (const run of items) runs.set(run.id, run)
    const oldest = items.findLast((run) => run.createdAt !== null)?.createdAt ?? undefined
    const isEnd = isLastPage(page, skip + items.length) || (oldest !== undefined && options.isOldEnough(oldest))
    if (isContiguous && isEnd) return [...runs.values()]
    if (isContiguous) overlap = items.length === 1 ? 0 : Math.min(MOST_OVERLAP, Math.ceil(items.length / 4))
    skip = isContiguous ? skip + items.length - overlap : Math.max(0, skip - PAGE_SIZE)
  }
  throw unreadable(`was not read back far enough within ${MOST_PAGES} pages`)
}

function unreadable(why: string): BackendError {
  return new BackendError(`The list of agent runs ${why}.`, { kind: 'unreachable', retryable: true, certain: true })
}
