import { NotFoundError, TroupeError } from '../domain/errors.ts'
import { isFinalState } from '../machines/public-state.ts'
import { formatCursor } from './cursor.ts'
import type { FrameForm } from './frame-form.ts'
import type { HistoryPage } from './history.ts'
import type { Outlet } from './outlet.ts'
import type { LiveListener, RecordHub } from './record-hub.ts'
import { instantOf } from './run-places.ts'
import type { Served } from './run-views.ts'
import type { Selection } from './selection.ts'
import { type After, type SubscriptionStart, startOf } from './subscription-start.ts'

/** A page of history is about this large, whatever the size of its records. */
const PAGE_BYTES = 128 * 1024
const FIRST_PAGE = 100
const LARGEST_PAGE = 500

/** What a subscription is made of. */
export interface SubscriptionOptions {
  readonly served: Served
  readonly hub: RecordHub
  readonly selection: Selection
  readonly after: After
  readonly form: FrameForm
  readonly outlet: Outlet
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
  #missing: string[] = []
  /** Runs that could not be read on; until the state was sent, a cursor names how far they were. */
  readonly #leftOut = new Set<string>()
  #trouble: unknown
  /** Of `*`: no run newer than this was begun with. */
  #newest = ''
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

  offer(frame: Buffer): boolean {
    return this.#options.outlet.offer(frame)
  }

  behind(): void {
    void this.#attempt(() => this.#resync('Records came faster than they were read; they are left out.'))
  }

  interrupted(after: Map<string, number>): void {
    this.#after = after
    for (const run of after.keys()) if (run > this.#newest) this.#newest = run
    void this.#attempt(() => this.#catchUp())
  }

  #beginAt(start: SubscriptionStart): void {
    this.#after = start.after
    this.#last = start.last
    this.#ended = start.ended
    this.#without = start.without
    this.#missing = start.missing
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
      const next = run
      await outlet.inTurn(() => this.#readPage(next))
      if (this.#stopped || outlet.closed) return
    }
    if (this.#missing.length > 0) return this.#resync(this.#missing.splice(0).join(' '))
    this.#goLive()
  }

  #goLive(): void {
    const { hub, outlet } = this.#options
    const cursor = hub.join(this, this.#after, this.#ended)
    this.#after = new Map()
    if (this.#caughtUp) return
    this.#caughtUp = true
    outlet.push(this.form.caughtUp(cursor))
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
    this.#options.outlet.push(this.form.records(this.#cursor(), text))
    this.#options.hub.sent += wanted.length
  }

  /** The others go on; at the end the state stands for what this one has. */
  #leaveOut(run: string, why: string): void {
    this.#missing.push(`${run} ${why}`)
    this.#leftOut.add(run)
  }

  #cursor(): string {
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
      const read = await this.#readOthers()
      if (this.#stopped) return
      const { hub, outlet, onResync } = this.#options
      const { views } = this.#options.served
      const texts: string[] = []
      this.#after = new Map([...this.#after].filter(([run]) => !this.selection.runs && this.#isOfNewestInstant(run)))
      for (const run of this.#runsOfState()) {
        const view = views.carried(run) ?? read.get(run)
        if (!view || view.seq < (hub.places.get(run)?.announced ?? 0)) continue
        this.#after.set(run, view.seq)
        texts.push(JSON.stringify(view))
      }
      if (this.selection.runs && texts.length === 0) throw this.#trouble ?? noneLeft(this.selection.runs)
      this.#leftOut.clear()
      const cursor = hub.join(this, this.#after, this.#ended)
      outlet.push(this.form.resync(reason, cursor, `{"runs":[${texts.join(',')}]}`))
      onResync()
      if (this.#caughtUp) return
      this.#caughtUp = true
      outlet.push(this.form.caughtUp(cursor))
    })
  }

  #runsOfState(): readonly string[] {
    if (this.selection.runs) return this.selection.runs
    const rows = this.#options.served.orchestrator.runs()
    return rows.filter(({ status }) => !isFinalState(status)).map(({ run }) => run)
  }

  async #readOthers() {
    const { views } = this.#options.served
    const read = new Map<string, Awaited<ReturnType<typeof views.read>>>()
    for (const run of this.#runsOfState()) {
      if (views.carried(run)) continue
      const view = await views.read(run).catch(() => undefined)
      if (view) read.set(run, view)
    }
    return read
  }
}

function noneLeft(runs: readonly string[]): NotFoundError {
  return new NotFoundError(runs.join(', '), 'Retention removes finished runs.')
}

function reasonOf(error: unknown): string {
  return `cannot be read: ${error instanceof TroupeError ? error.message : 'something inside troupe failed.'}`
}
