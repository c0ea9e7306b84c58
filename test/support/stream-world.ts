import { expect } from 'vitest'
import { parseCursor } from '../../src/api/cursor.ts'
import { messageForm } from '../../src/api/frame-form.ts'
import { Outlet } from '../../src/api/outlet.ts'
import { RecordHub } from '../../src/api/record-hub.ts'
import { instantOf } from '../../src/api/run-places.ts'
import { createRunViews, type Served } from '../../src/api/run-views.ts'
import { type Selection, selectRecords } from '../../src/api/selection.ts'
import type { RecordFilter, StreamState } from '../../src/api/stream-messages.ts'
import { Subscription } from '../../src/api/subscription.ts'
import { parseAfter } from '../../src/api/subscription-start.ts'
import { NotFoundError } from '../../src/domain/errors.ts'
import { createRunId } from '../../src/domain/ids.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { FakeCarrier, settle } from './fake-carrier.ts'
import { FakeOrchestrator, runView } from './fake-orchestrator.ts'
import type { Said } from './stream-client.ts'

const GATHER_MS = 25
const MAX_WAITING = 3000
const MAX_BEHIND = 12
/** So few records are on a page of history that even a short one has many. */
const PAGE = 3

/** Runs, a hub and clients, where everything happens when it is told to. */
export class StreamWorld {
  readonly clock = createVirtualClock()
  readonly orchestrator = new FakeOrchestrator()
  readonly served: Served
  readonly hub: RecordHub
  /** Every record there ever was. */
  readonly records = new Map<string, RunRecord[]>()
  readonly runs: string[] = []
  /** Reads of the disk that were asked for and wait. */
  readonly reads: (() => void)[] = []
  /** Reads are answered as they come. */
  reading = true
  /** Runs that nobody carries: they are on disk alone until they go on. */
  readonly #asleep = new Set<string>()
  readonly #view: FakeOrchestrator['view']

  constructor() {
    this.#view = this.orchestrator.view.bind(this.orchestrator)
    this.orchestrator.view = (run) => {
      if (this.#asleep.has(run)) throw new NotFoundError(run, 'Nobody carries it.')
      return this.#view(run)
    }
    const views = createRunViews(this.orchestrator, { view: async (run) => this.#view(run), workOf: async () => [] })
    this.served = { orchestrator: this.orchestrator, views }
    this.hub = new RecordHub(this.served, { clock: this.clock, gatherMs: GATHER_MS, frameBytes: 1000 })
    const read = this.orchestrator.records.bind(this.orchestrator)
    this.orchestrator.records = async (run, after, limit = PAGE) => {
      // A page may be old when it arrives, or the newest there is.
      const early = this.reads.length % 2 === 0 ? await read(run, after, Math.min(limit, PAGE)) : undefined
      if (!this.reading) await new Promise<void>((resolve) => this.reads.push(resolve))
      return early ?? read(run, after, Math.min(limit, PAGE))
    }
  }

  /** A new run; some begin in the same millisecond. */
  begin(): void {
    const n = this.runs.length
    const run = createRunId(1_000_000 + Math.floor(n / 2), () => ((n * 7) % 10) / 10)
    this.runs.push(run)
    this.records.set(run, [])
    this.orchestrator.add(runView({ run }))
    this.append(n, 1, { type: 'run' })
  }

  append(index: number, count: number, part: Partial<RunRecord> = {}): void {
    const run = this.#pick(index)
    if (run === undefined || this.isEnded(run)) return
    this.#asleep.delete(run)
    const type = count % 2 === 0 ? 'alert' : 'progress'
    const added = this.orchestrator.append(run, count, { type, data: { text: 'x'.repeat(200) }, ...part })
    this.records.get(run)?.push(...added)
  }

  end(index: number): void {
    const run = this.#pick(index)
    if (run === undefined || this.isEnded(run)) return
    this.#asleep.delete(run)
    this.orchestrator.change(run, { status: 'completed' })
    const added = this.orchestrator.append(run, 1, { type: 'transition', to: 'completed' })
    this.records.get(run)?.push(...added)
  }

  /** A run that had ended goes on. */
  reopen(index: number): void {
    const run = this.#pick(index)
    if (run === undefined || !this.exists(run) || !this.isEnded(run)) return
    this.#asleep.delete(run)
    const { seq, reopenedAfter = seq } = this.#view(run)
    this.orchestrator.change(run, { status: 'running', reopenedAfter })
    const added = this.orchestrator.append(run, 1, { type: 'transition', event: 'run.reopen', to: 'running' })
    this.records.get(run)?.push(...added)
  }

  remove(index: number): void {
    const run = this.#pick(index)
    if (run !== undefined && this.exists(run) && this.isEnded(run)) void this.orchestrator.remove(run, 'delete')
  }

  /** The record with which a run ended first. */
  firstEnd(run: string): number | undefined {
    return this.records.get(run)?.find(({ to }) => to === 'completed')?.seq
  }

  exists(run: string): boolean {
    return this.orchestrator.runs().some((row) => row.run === run)
  }

  /** Whether a run has ended or is gone. */
  isEnded(run: string): boolean {
    return !this.exists(run) || this.#view(run).status !== 'running'
  }

  /** Nobody carries any run any more, as after a restart that resumes none yet. */
  sleep(): void {
    for (const run of this.runs) this.#asleep.add(run)
  }

  /** Lets everything come to rest. */
  async rest(): Promise<void> {
    this.reading = true
    for (let round = 0; round < 4; round++) {
      for (const resolve of this.reads.splice(0)) resolve()
      await this.clock.advance(GATHER_MS)
      await settle(4)
    }
  }

  #pick(index: number): string | undefined {
    return this.runs[index % Math.max(1, this.runs.length)]
  }
}

/** A client that checks that it misses nothing and that nothing is repeated, over as many connections as it makes. */
export class CheckingClient {
  readonly selection: Selection
  readonly said: Said[] = []
  carrier = new FakeCarrier()
  failed: unknown
  readonly #world: StreamWorld
  readonly #after: string
  #subscription: Subscription | undefined
  #outlet: Outlet | undefined
  #cursor: string | undefined
  /** The newest record of each run that it knows of. */
  readonly #last = new Map<string, number>()
  /** Runs whose last records were left out. */
  readonly #leftOut = new Set<string>()
  #caughtUp = false

  constructor(world: StreamWorld, runs: readonly string[], after: string, filter?: RecordFilter) {
    this.#world = world
    this.#after = after
    this.selection = selectRecords(runs, filter)
  }

  connect(): void {
    this.failed = undefined
    const { served, hub, clock } = this.#world
    const carrier = new FakeCarrier()
    this.carrier = carrier
    const onStuck = () => undefined
    const outlet = new Outlet({ carrier, clock, maxWaiting: MAX_WAITING, stuckAfter: 1e9, onStuck })
    const subscription = new Subscription({
      served,
      hub,
      outlet,
      selection: this.selection,
      after: parseAfter(this.#cursor ?? this.#after),
      form: messageForm('s'),
      maxBehind: MAX_BEHIND,
      onResync: () => undefined,
      onFailed: (error) => {
        this.failed = error
      },
    })
    this.#subscription = subscription
    this.#outlet = outlet
    subscription.begin().catch((error: unknown) => {
      this.failed = error
    })
  }

  /** What was not taken by now never arrives. */
  disconnect(): void {
    this.hear()
    this.#subscription?.stop()
    this.#outlet?.close()
  }

  /** Looks at what arrived. */
  hear(): void {
    for (const message of this.carrier.said()) {
      this.said.push(message)
      this.#check(message)
    }
  }

  /** Has it everything there is? */
  checkWhole(): void {
    this.hear()
    if (this.failed !== undefined) {
      // Refused because a run is gone: where there was a cursor, because all are.
      const gone = this.selection.runs?.filter((run) => !this.#world.exists(run)).length ?? 0
      expect([this.failed, gone]).toEqual([
        expect.any(NotFoundError),
        this.#cursor === undefined ? gone : this.selection.runs?.length,
      ])
      expect(gone).toBeGreaterThan(0)
      return
    }
    for (const [run, records] of this.#world.records) {
      if (!this.#isMine(run) || this.#leftOut.has(run) || !this.#world.exists(run)) continue
      if (this.#after === 'now' && !this.#last.has(run)) continue
      const missing = records.filter((record) => this.#wants(record) && record.seq > (this.#last.get(run) ?? 0))
      expect([run, missing.map(({ seq }) => seq)]).toEqual([run, []])
    }
  }

  #check(message: Said): void {
    if (message.type === 'records') for (const record of message['records'] as RunRecord[]) this.#take(record)
    if (message.type === 'resync') this.#replace(message['state'] as StreamState)
    const cursor = String(message['cursor'])
    const { seqs, newest = '' } = parseCursor(cursor)
    for (const [run, seq] of seqs) {
      const unseen = this.#world.records.get(run)?.filter((each) => this.#wants(each) && each.seq <= seq) ?? []
      const last = this.#last.get(run)
      // Where it began with what comes from now on, the first cursor says what that is.
      if (last === undefined && this.#after === 'now' && !this.#caughtUp) this.#last.set(run, seq)
      // Of a run that was removed before it was ever heard of nothing is missed.
      else if (last === undefined && !this.#world.exists(run)) continue
      else if (!this.#leftOut.has(run))
        expect([run, Math.max(0, ...unseen.map((each) => each.seq))]).toEqual([run, last ?? 0])
    }
    if (message.type !== 'records' && this.#after === 'now' && !this.#caughtUp) this.#skipEnded(seqs, newest)
    if (message.type !== 'records') this.#caughtUp = true
    this.#cursor = cursor
  }

  /** What it was not told of when it began had ended; should it go on, that is new. */
  #skipEnded(named: ReadonlyMap<string, number>, newest: string): void {
    for (const run of this.#world.records.keys()) {
      const end = this.#world.firstEnd(run)
      if (end === undefined || named.has(run) || this.#last.has(run)) continue
      if (instantOf(run) < instantOf(newest)) this.#last.set(run, end)
    }
  }

  #take(record: RunRecord): void {
    const { run, seq } = record
    // What was left out of a run that had ended stays out; that it goes on is told.
    if (this.#leftOut.has(run) && seq > (this.#world.firstEnd(run) ?? seq)) {
      this.#leftOut.delete(run)
      this.#last.set(run, seq - 1)
    }
    const last = this.#last.get(run) ?? (this.#after === 'now' && !this.#caughtUp ? seq - 1 : 0)
    const next = this.#world.records.get(run)?.find((each) => each.seq > last && this.#wants(each))
    expect([run, seq, this.#isMine(run), this.#leftOut.has(run)]).toEqual([run, next?.seq, true, false])
    this.#last.set(run, seq)
  }

  #replace({ runs }: StreamState): void {
    const states = new Map(runs.map(({ run, seq }) => [run, seq]))
    for (const run of this.#world.records.keys()) {
      if (!this.#isMine(run)) continue
      const seq = states.get(run)
      if (seq === undefined && (this.#last.has(run) || this.#world.isEnded(run))) this.#leftOut.add(run)
      if (seq === undefined) continue
      expect(seq).toBeGreaterThanOrEqual(this.#last.get(run) ?? 0)
      const wanted = this.#world.records.get(run)?.filter((each) => each.seq <= seq && this.#wants(each)) ?? []
      this.#last.set(run, wanted.at(-1)?.seq ?? 0)
    }
  }

  #isMine(run: string): boolean {
    return this.selection.runs?.includes(run) ?? true
  }

  #wants(record: RunRecord): boolean {
    return this.selection.wants?.(record) ?? true
  }
}
