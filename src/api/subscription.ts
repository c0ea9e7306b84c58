import { NotFoundError } from '../domain/errors.ts'
import { isFinalState } from '../machines/public-state.ts'
import { Backlog } from './backlog.ts'
import { parseCursor } from './cursor.ts'
import type { FrameForm } from './frame-form.ts'
import type { Outlet } from './outlet.ts'
import type { LiveListener, RecordHub } from './record-hub.ts'
import type { RunState } from './run-states.ts'
import type { Selection } from './selection.ts'
import type { StreamSource } from './stream-source.ts'
import { type After, type SubscriptionStart, startOf } from './subscription-start.ts'

/** A page of history is about this large, whatever the size of its records. */
const PAGE_BYTES = 128 * 1024
const FIRST_PAGE = 100
const LARGEST_PAGE = 500

const TOO_SLOW = 'Records came faster than they were read; they are left out.'

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
  readonly outlet: Outlet
  readonly #options: SubscriptionOptions
  #pageSize = FIRST_PAGE
  #caughtUp = false
  #stopped = false

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.selection = options.selection
    this.form = options.form
    this.outlet = options.outlet
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

  behind(cursor: string): void {
    void this.#attempt(async () => {
      await this.outlet.drained()
      await this.#goOn(cursor)
    })
  }

  interrupted(cursor: string): void {
    void this.#attempt(() => this.#goOn(cursor))
  }

  /** Goes on from what it was given last, as if it had come back. */
  async #goOn(cursor: string): Promise<void> {
    if (this.#stopped) return
    const { served, hub, selection } = this.#options
    const start = await startOf(served, hub, selection, parseCursor(cursor))
    if (!this.#stopped) this.#beginAt(start)
  }

  #beginAt(start: SubscriptionStart): void {
    const backlog = new Backlog(this.#options.hub, this.selection, start)
    void this.#attempt(() => this.#catchUp(backlog))
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
  async #catchUp(backlog: Backlog): Promise<void> {
    const { maxBehind } = this.#options
    for (let run = backlog.next(); run !== undefined; run = backlog.next()) {
      // Whoever was up to date once wants to know how things stand now, not how they came to be so.
      if (this.#caughtUp && backlog.missed > maxBehind) return this.#resync(TOO_SLOW, backlog)
      const next = run
      await this.outlet.inTurn(() => this.#deliver(backlog, next))
      if (this.#stopped || this.outlet.closed) return
    }
    if (backlog.gaps !== undefined) return this.#resync(backlog.gaps, backlog)
    this.#sayCaughtUp(this.#goLive(backlog.after, backlog.ended))
  }

  /** Sends a page of a run. */
  async #deliver(backlog: Backlog, run: string): Promise<void> {
    if (this.#stopped) return
    const page = await backlog.read(run, this.#pageSize)
    if (this.#stopped || !page) return
    const { wants } = this.selection
    const records = wants ? page.records.filter(wants) : page.records
    if (records.length === 0) return
    const text = wants ? JSON.stringify(records) : page.text
    this.#pageSize = Math.ceil(Math.min(LARGEST_PAGE, (PAGE_BYTES * records.length) / text.length))
    this.outlet.push(this.form.records(backlog.cursor(), text))
    this.#options.hub.sent += records.length
  }

  /** From here on the hub brings what there is; gives the cursor. */
  #goLive(after: ReadonlyMap<string, number>, ended: ReadonlySet<string>): string {
    return this.#options.hub.join(this, after, ended)
  }

  #sayCaughtUp(cursor: string): void {
    if (this.#caughtUp) return
    this.#caughtUp = true
    this.outlet.push(this.form.caughtUp(cursor))
  }

  /** Sends how things stand, and goes on live from exactly there. */
  #resync(reason: string, { trouble, ended, complete }: Backlog): Promise<void> {
    return this.outlet.inTurn(async () => {
      // Nothing may happen between the states that are sent and the joining; what has to be read is read before.
      let states = this.#states(new Map())
      if (states.others.length > 0) states = this.#states(await this.#read(states.others))
      if (this.#stopped) return
      const { after, texts } = states
      if (this.selection.runs && texts.length === 0) throw trouble ?? noneLeft(this.selection.runs)
      const cursor = this.#goLive(new Map([...complete, ...after]), ended)
      this.outlet.push(this.form.resync(reason, cursor, `{"runs":[${texts.join(',')}]}`))
      this.#options.onResync()
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
