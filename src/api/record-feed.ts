import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'

const PAGE = 500

/** Where a feed takes its records from, and where it brings them. */
export interface RecordFeedOptions {
  readonly orchestrator: Pick<Orchestrator, 'records' | 'subscribe'>
  /** The runs to begin with: run id -> the seq after which to begin. */
  readonly after: ReadonlyMap<string, number>
  /** After which seq a run begins that turns up later with the record `first`; undefined: the feed has no part in it. */
  readonly newcomer?: (run: string, first: number) => number | undefined
  /** Each record once, in order per run. The next page of history waits for the promise; what is live does not. */
  readonly deliver: (run: string, records: readonly RunRecord[]) => Promise<void> | undefined
  /** Called once, when the history of all runs to begin with was delivered. */
  readonly onCaughtUp?: () => void
  /** Called once for a run whose history cannot be read; nothing more of it is delivered, the others go on. */
  readonly onError: (run: string, error: unknown) => void
}

/** A running feed. */
export interface RecordFeed {
  /** The seq of the last delivered record of each run. */
  positions(): ReadonlyMap<string, number>
  stop(): void
}

interface Position {
  last: number
  /** The newest seq that was ever announced. */
  newest: number
  state: 'history' | 'live' | 'broken'
}

/**
 * Brings history and then what is live, without a gap or a repetition between them. What is announced while the history is
 * read is not kept but read again from the history, so a slow reader costs no memory.
 */
export function openRecordFeed(options: RecordFeedOptions): RecordFeed {
  const positions = new Map<string, Position>()
  const queue: string[] = []
  let reading = false
  let stopped = false
  let caughtUp = false

  const stop = () => {
    stopped = true
    unsubscribe()
  }

  const enter = (run: string, last: number): Position => {
    const position: Position = { last, newest: last, state: 'history' }
    positions.set(run, position)
    queue.push(run)
    return position
  }

  const readHistory = async (run: string, position: Position) => {
    while (!stopped) {
      const announced = position.newest
      const page = await options.orchestrator.records(run, position.last, PAGE)
      const end = page.at(-1)
      if (stopped) return
      if (end === undefined) {
        if (announced > position.last) throw new Error(`Records ${position.last + 1}.. of ${run} cannot be read back.`)
        // Announced while the page was read: it may have been too late for it.
        if (position.newest > position.last) continue
        position.state = 'live'
        return
      }
      position.last = end.seq
      await options.deliver(run, page)
    }
  }

  const readAll = async () => {
    if (reading) return
    reading = true
    for (let run = queue.shift(); run !== undefined && !stopped; run = queue.shift()) {
      const position = positions.get(run)
      if (position) await readOrGiveUp(run, position)
    }
    reading = false
    if (stopped || caughtUp) return
    caughtUp = true
    options.onCaughtUp?.()
  }

  const readOrGiveUp = async (run: string, position: Position) => {
    try {
      await readHistory(run, position)
    } catch (error) {
      position.state = 'broken'
      if (!stopped) options.onError(run, error)
    }
  }

  const onLive = (run: string, records: readonly RunRecord[]) => {
    if (stopped) return
    const newest = records.at(-1)?.seq ?? 0
    let position = positions.get(run)
    if (!position) {
      const after = options.newcomer?.(run, records[0]?.seq ?? 1)
      if (after === undefined) return
      position = enter(run, after)
    }
    position.newest = Math.max(position.newest, newest)
    if (position.state === 'broken') return
    if (position.state === 'live') {
      const { last } = position
      const fresh = (records[0]?.seq ?? 0) > last ? records : records.filter((record) => record.seq > last)
      const first = fresh[0]
      if (!first) return
      if (first.seq === last + 1) {
        position.last = newest
        void options.deliver(run, fresh)
        return
      }
      position.state = 'history'
      queue.push(run)
    }
    void readAll()
  }

  const unsubscribe = options.orchestrator.subscribe(onLive)
  for (const [run, last] of options.after) enter(run, last)
  // Not at once: nobody is told of anything before the caller holds the feed.
  queueMicrotask(() => void readAll())
  return {
    positions: () => new Map([...positions].map(([run, { last }]) => [run, last])),
    stop,
  }
}
