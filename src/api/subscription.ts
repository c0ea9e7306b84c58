import { NotFoundError, TroupeError } from '../domain/errors.ts'
import { isFinalState } from '../machines/public-state.ts'
import { formatCursor, parseCursor } from './cursor.ts'
import type { FrameForm } from './frame-form.ts'
import type { HistoryPage } from './history.ts'
import type { Outlet } from './outlet.ts'
import type { LiveListener, RecordHub } from './record-hub.ts'
import { instantOf } from './run-places.ts'
import type { RunState } from './run-states.ts'
import type { Selection } from './selection.ts'
import type { StreamSource } from './stream-source.ts'
import { type After, type SubscriptionStart, startOf } from './subscription-start.ts'

/** A page of history is about this large, whatever the size of its records. */
const PAGE_BYTES = 128 * 1024
const FIRST_PAGE = 100
const LARGEST_PAGE = 500

/** What a subscription is made of. */
export interface SubscriptionOptions {
  readonly served: StreamSource
  readonly hub: RecordHub
  readonly selection: Selection
  readonly after: After
  readonly form: FrameForm
  readonly outlet: Outlet
  /** A client that was up to date and misses more records than these gets the state instead. */
  readonly maxBehind: number
  /** A resync was sent. */
  readonly onResync: () => void
  /** It has ended by itself. */
  readonly onFailed: (error: unknown) => void
}

/**
 * Brings one client the records it asked for: from its place on what is on disk, at the client's own pace; then what is live, through
 * the hub, without a gap or a repetition between them. What a client is too slow for, or what is gone, the state stands for.
 */
export class Subscription implements LiveListener {
  readonly selection: Selection
  readonly form: FrameForm
  readonly #options: SubscriptionOptions
  /** The seq up to which the client has each run, while it is not live. */
  #after = new Map<string, number>()
  #last = new Map<string, number>()
  #ended: ReadonlySet<string> = new Set()
  #without: ReadonlySet<string> = new Set()
  /** Runs that cannot be gone on with, and why; until the state was sent, a cursor names how far they were. */
  #leftOut = new Map<string, string>()
  #trouble: unknown
  /** Of `*`: no run newer than this was begun with. */
  #newest = ''
  /** That of the last frame while it is live. */
  #cursor = ''
  #todo: string[] = []
  #pageSize = FIRST_PAGE
  #caughtUp = false
  #stopped = false

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.selection = options.selection
    this.form = options.form
  }

  /** Resolves once it has begun, and goes on by itself. Throws as {@link startOf}: then it never began. */
  async begin(): Promise<void> {
    const { served, hub, selection, after } = this.#options
    // From here on the hub knows of everything that the look-up may miss.
    hub.retain()
    try {
      const start = await startOf(served, hub, selection, after)
      if (!this.#stopped) this.#beginAt(start)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#options.hub.leave(this)
    this.#options.hub.release()
  }

  offer(frame: Buffer, cursor: string): boolean {
    if (!this.#options.outlet.offer(frame)) return false
    this.#cursor = cursor
    return true
  }

  behind(): void {
    void this.#attempt(async () => {
      await this.#options.outlet.drained()
      await this.#goOn()
    })
  }

  interrupted(): void {
    void this.#attempt(() => this.#goOn())
  }

  /** Goes on from what it was given last, as if it had come back. */
  async #goOn(): Promise<void> {
    if (this.#stopped) return
    const { served, hub, selection } = this.#options
    const start = await startOf(served, hub, selection, parseCursor(this.#cursor))
    if (!this.#stopped) this.#beginAt(start)
  }

  #beginAt(start: SubscriptionStart): void {
    this.#after = start.after
    this.#last = start.last
    this.#ended = start.ended
    this.#without = start.without
    this.#leftOut = start.leftOut
    this.#newest = start.newest
    void this.#attempt(() => this.#catchUp())
  }

  /** Nobody waits for what goes on by itself: a failure ends the subscription. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.#stopped) return
      this.stop()
      this.#options.onFailed(error)
    }
  }

  /** Reads what is on disk until nothing is left that was announced; from that very moment on it is live. */
  async #catchUp(): Promise<void> {
    const { outlet } = this.#options
    for (let run = this.#nextBehind(); run !== undefined; run = this.#nextBehind()) {
      if (this.#isFarBehind()) return this.#resync('Records came faster than they were read; they are left out.')
      const next = run
      await outlet.inTurn(() => this.#readPage(next))
      if (this.#stopped || outlet.closed) return
    }
    if (this.#leftOut.size > 0) return this.#resync([...this.#leftOut.values()].join(' '))
    this.#sayCaughtUp(this.#goLive(this.#after))
  }

  /** Whoever was up to date once and has fallen far behind wants to know how things stand, not how they came to be so. */
  #isFarBehind(): boolean {
    if (!this.#caughtUp) return false
    const { hub, maxBehind } = this.#options
    let missed = 0
    for (const [run, after] of this.#after) missed += Math.max(0, (hub.places.get(run)?.announced ?? 0) - after)
    return missed > maxBehind
  }

  /** From here on the hub brings what there is; gives the cursor. */
  #goLive(after: ReadonlyMap<string, number>): string {
    const cursor = this.#options.hub.join(this, after, this.#ended)
    this.#cursor = cursor
    // The hub knows by now whatever else is needed, once for all clients.
    this.#after = new Map()
    this.#last = new Map()
    this.#ended = new Set()
    this.#without = new Set()
    this.#leftOut = new Map()
    return cursor
  }

  #sayCaughtUp(cursor: string): void {
    if (this.#caughtUp) return
    this.#caughtUp = true
    this.#options.outlet.push(this.form.caughtUp(cursor))
  }

  /** A run of which something is missing: the oldest, so that a cursor need not name all those after it. */
  #nextBehind(): string | undefined {
    for (;;) {
      const run = this.#todo.at(-1)
      if (run === undefined) break
      if (this.#isBehind(run)) return run
      this.#todo.pop()
    }
    if (!this.selection.runs) {
      for (const run of this.#options.hub.places.runs()) {
        if (!this.#after.has(run) && !this.#without.has(run)) this.#after.set(run, 0)
      }
    }
    this.#todo = [...this.#after.keys()]
      .filter((run) => this.#isBehind(run))
      .sort()
      .reverse()
    return this.#todo.at(-1)
  }

  #isBehind(run: string): boolean {
    const after = this.#after.get(run)
    return after !== undefined && !this.#leftOut.has(run) && after < this.#target(run)
  }

  /** Up to where there are records: of a run that is neither carried nor looked up, until nothing more is found. */
  #target(run: string): number {
    const announced = this.#options.hub.places.get(run)?.announced
    return announced ?? this.#last.get(run) ?? Number.POSITIVE_INFINITY
  }

  async #readPage(run: string): Promise<void> {
    const after = this.#after.get(run)
    if (this.#stopped || after === undefined) return
    const announced = this.#options.hub.places.get(run)?.announced ?? 0
    let page: HistoryPage
    try {
      page = await this.#options.hub.history.read(run, after, this.#pageSize, announced)
    } catch (error) {
      this.#trouble ??= error
      return this.#leaveOut(run, error instanceof NotFoundError ? 'was removed.' : reasonOf(error))
    }
    if (this.#stopped) return
    const end = page.records.at(-1)?.seq ?? after
    if (end <= after) {
      // What is announced can be read, unless it was removed or damaged meanwhile.
      if (announced > after) return this.#leaveOut(run, `has no records ${after + 1}.. on disk any more.`)
      this.#last.set(run, after)
      return
    }
    this.#after.set(run, end)
    if (run > this.#newest) this.#newest = run
    this.#deliver(page)
  }

  #deliver({ records, text: whole }: HistoryPage): void {
    const { wants } = this.selection
    const wanted = wants ? records.filter(wants) : records
    this.#pageSize = Math.ceil(Math.min(LARGEST_PAGE, (PAGE_BYTES * records.length) / whole.length))
    if (wanted.length === 0) return
    const text = wanted.length < records.length ? JSON.stringify(wanted) : whole
    this.#options.outlet.push(this.form.records(this.#cursorSoFar(), text))
    this.#options.hub.sent += wanted.length
  }

  /** The others go on; at the end the state stands for what this one has. */
  #leaveOut(run: string, why: string): void {
    this.#leftOut.set(run, `${run} ${why}`)
  }

  #cursorSoFar(): string {
    if (this.selection.runs) return formatCursor({ seqs: this.#after })
    const seqs = [...this.#after].filter(([run, after]) =>
      instantOf(run) > instantOf(this.#newest) ? after > 0 : this.#isOfNewestInstant(run) || !this.#isWhole(run),
    )
    return formatCursor({ seqs: new Map(seqs), newest: this.#newest })
  }

  #isWhole(run: string): boolean {
    return (
      (this.#ended.has(run) || this.#options.hub.places.get(run)?.ended === true) &&
      !this.#isBehind(run) &&
      !this.#leftOut.has(run)
    )
  }

  #isOfNewestInstant(run: string): boolean {
    return instantOf(run) >= instantOf(this.#newest)
  }

  /** Sends how things stand, and goes on live from exactly there. */
  #resync(reason: string): Promise<void> {
    return this.#options.outlet.inTurn(async () => {
      // Nothing may happen between the states that are sent and the joining; what has to be read is read before.
      let states = this.#states(new Map())
      if (states.others.length > 0) states = this.#states(await this.#read(states.others))
      if (this.#stopped) return
      const { after, texts } = states
      if (this.selection.runs && texts.length === 0) throw this.#trouble ?? noneLeft(this.selection.runs)
      const { outlet, onResync } = this.#options
      const cursor = this.#goLive(after)
      outlet.push(this.form.resync(reason, cursor, `{"runs":[${texts.join(',')}]}`))
      onResync()
      this.#sayCaughtUp(cursor)
    })
  }

  /** The states of its runs, and which runs nobody carries and were not `read` either. */
  #states(read: ReadonlyMap<string, RunState>) {
    const { hub } = this.#options
    const after = new Map<string, number>()
    const texts: string[] = []
    const others: string[] = []
    for (const run of this.#runsOfState()) {
      const state = hub.states.now(run) ?? read.get(run)
      if (!state) others.push(run)
      // It was carried, went on and was removed after it was read.
      else if (state.seq >= (hub.places.get(run)?.announced ?? 0)) {
        after.set(run, state.seq)
        texts.push(state.text)
      }
    }
    return { after, texts, others }
  }

  #runsOfState(): readonly string[] {
    if (this.selection.runs) return this.selection.runs
    const rows = this.#options.served.orchestrator.runs()
    return rows.filter(({ status }) => !isFinalState(status)).map(({ run }) => run)
  }

  async #read(runs: readonly string[]): Promise<ReadonlyMap<string, RunState>> {
    const states = new Map<string, RunState>()
    for (const run of runs) {
      const view = await this.#options.served.views.read(run).catch(() => undefined)
      if (view) states.set(run, { seq: view.seq, text: JSON.stringify(view) })
    }
    return states
  }
}

function noneLeft(runs: readonly string[]): NotFoundError {
  return new NotFoundError(runs.join(', '), 'Retention removes finished runs.')
}

function reasonOf(error: unknown): string {
  return `cannot be read: ${error instanceof TroupeError ? error.message : 'something inside troupe failed.'}`
}
