import type { Clock, TimerHandle } from '../domain/clock.ts'
import type { RunRecord } from '../domain/record.ts'
import { formatCursor } from './cursor.ts'
import type { FrameForm } from './frame-form.ts'
import { History, type HistoryPage } from './history.ts'
import { RecordBatch } from './record-batch.ts'
import { endsRun, type RunPlace, RunPlaces } from './run-places.ts'
import { RunStates } from './run-states.ts'
import type { Selection } from './selection.ts'
import type { StreamSource } from './stream-source.ts'

/** Somebody who is told of records as they become durable. */
export interface LiveListener {
  readonly selection: Selection
  readonly form: FrameForm
  /** Takes its frames. */
  readonly outlet: { offer(frame: Buffer): boolean }
  /** Its outlet refused a frame: it is told no more until it joins again. It was told of everything up to `cursor`. */
  behind(cursor: string): void
  /** Some records were never announced: the same. */
  interrupted(cursor: string): void
}

/** How a hub gathers. Times are ms, sizes bytes. */
export interface HubOptions {
  readonly clock: Clock
  /** How long records are gathered when it is busy. */
  readonly gatherMs: number
  /** No frame gets much larger than this, but for a single record that is. */
  readonly frameBytes: number
}

const EMPTY = Buffer.alloc(0)

/** What is needed for each frame lies close at hand: this is what a client costs. */
interface Member {
  readonly listener: LiveListener
  readonly outlet: LiveListener['outlet']
  readonly key: string
  /** Seqs that it has beyond what was sent to all; undefined where there are none. */
  ahead: Map<string, number> | undefined
  /** Where it stands unless it is `level`: then it was told what all of its channel were told. */
  cursor: string
  level: boolean
}

/** All who listen to the same records. */
interface Channel {
  readonly selection: Selection
  readonly runs: ReadonlySet<string> | undefined
  readonly members: Map<LiveListener, Member>
  /** Of the last frame. */
  cursor: string
}

/**
 * Brings records as they become durable to everybody who listens: each record is serialised once, each frame made once for all
 * who get the same, and what is left for each is one write. When it is quiet records go out at once, when it is busy they gather.
 */
export class RecordHub {
  readonly places: RunPlaces
  readonly states: RunStates
  /** Records that were given to listeners. */
  sent = 0
  readonly #history: History
  readonly #served: StreamSource
  readonly #options: HubOptions
  readonly #channels = new Map<string, Channel>()
  readonly #byRun = new Map<string, Set<Channel>>()
  readonly #all = new Set<Channel>()
  #retained = 0
  #unsubscribe: () => void = () => undefined
  #pending: RunRecord[] = []
  #scheduled = false
  /** Grows whenever something was announced, or may have been without being heard. */
  #epoch = 1
  #gathering: TimerHandle | undefined

  constructor(served: StreamSource, options: HubOptions) {
    this.#served = served
    this.#options = options
    this.places = new RunPlaces(served.views)
    this.states = new RunStates(served.views, this.places)
    this.#history = new History(served.orchestrator)
  }

  /** Begins to follow the orchestrator, for the first; each call wants its {@link release}. */
  retain(): void {
    if (this.#retained++ > 0) return
    this.#unsubscribe = this.#served.orchestrator.subscribe((run, records) => this.#announced(run, records))
    for (const { run } of this.#served.orchestrator.runs()) this.places.see(run)
  }

  release(): void {
    if (--this.#retained > 0) return
    this.#epoch++
    this.#unsubscribe()
    this.#pending = []
    this.#rest()
    this.places.clear()
    this.states.clear()
  }

  /** Tells a listener of everything after `after` from here on. It has, or needs not, all that was announced of its runs. Gives its cursor. */
  join(listener: LiveListener, after: ReadonlyMap<string, number>, ended: ReadonlySet<string>): string {
    const { selection } = listener
    for (const [run, seq] of after) {
      // Nothing more is announced of a run that has ended, and a cursor of all runs need not name it.
      const isNeeded = selection.runs || !ended.has(run) || this.places.isNewest(run)
      if (isNeeded && !this.places.get(run)) this.places.put(run, seq, { ended: ended.has(run), quiet: true })
    }
    const ahead = new Map<string, number>()
    for (const run of selection.runs ?? this.places.runs()) {
      const place = this.places.get(run)
      const seq = Math.max(after.get(run) ?? 0, place?.announced ?? 0)
      if (place && seq > place.sent) ahead.set(run, seq)
    }
    const channel = this.#channels.get(selection.key) ?? this.#open(selection)
    const cursor = this.#cursor(channel, ahead)
    const { outlet, form } = listener
    channel.members.set(listener, {
      listener,
      outlet,
      key: form.key,
      ahead: ahead.size > 0 ? ahead : undefined,
      cursor,
      level: false,
    })
    return cursor
  }

  leave(listener: LiveListener): void {
    const channel = this.#channels.get(listener.selection.key)
    if (channel?.members.delete(listener) && channel.members.size === 0) this.#shut(channel)
  }

  /** Records of a run from the disk, with seq > after: all that were announced by now, if they are there. Throws as `records`. */
  read(run: string, after: number, limit: number): Promise<HistoryPage> {
    return this.#history.read(run, after, limit, this.places.get(run)?.announced ?? -this.#epoch)
  }

  /** Sends what was gathered. */
  flush(): void {
    this.#rest()
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    for (let from = 0; from < pending.length; ) from = this.#sendSome(pending, from)
    this.places.prune((run) => this.#byRun.has(run))
    const { clock, gatherMs } = this.#options
    if (gatherMs > 0) this.#gathering = clock.setTimeout(this.#gathered, gatherMs)
  }

  readonly #gathered = (): void => {
    this.#gathering = undefined
    this.flush()
  }

  #rest(): void {
    if (this.#gathering === undefined) return
    this.#options.clock.clearTimeout(this.#gathering)
    this.#gathering = undefined
  }

  #announced(run: string, records: readonly RunRecord[]): void {
    this.#epoch++
    const first = records[0]?.seq ?? 0
    const last = records.at(-1)?.seq ?? 0
    const place = this.places.get(run) ?? this.places.put(run, first - 1)
    place.quiet = false
    if (last <= place.announced) return
    if (first > place.announced + 1) return void this.#skipped(run, place, last)
    for (const record of records) {
      if (record.seq <= place.announced) continue
      this.#pending.push(record)
      if (record.actor.kind === 'supervisor' && record.to !== undefined) this.#noteEnd(place, record)
    }
    place.announced = last
    if (this.#gathering !== undefined || this.#scheduled) return
    this.#scheduled = true
    // What else becomes durable in the same turn goes along.
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#gathering === undefined) this.flush()
    })
  }

  /** One that went on after an end is never over for good. */
  #noteEnd(place: RunPlace, record: RunRecord): void {
    place.reopenedAfter = this.#served.views.carried(record.run)?.reopenedAfter
    place.ended = endsRun(record) && place.reopenedAfter === undefined
  }

  /** Nothing is known of what lies between: whoever listens has to read it. */
  #skipped(run: string, place: RunPlace, last: number): void {
    this.flush()
    const channels = [...this.#all, ...(this.#byRun.get(run) ?? [])]
    for (const channel of channels) {
      for (const member of [...channel.members.values()]) {
        this.leave(member.listener)
        member.listener.interrupted(whereIs(member, channel))
      }
    }
    place.announced = last
    place.sent = last
  }

  /** Sends one frame's worth of records, and tells where the next begins. */
  #sendSome(pending: readonly RunRecord[], from: number): number {
    const batch = new RecordBatch()
    let next = from
    for (; next < pending.length && batch.bytes < this.#options.frameBytes; next++) {
      const record = pending[next]
      if (!record) break
      const place = this.places.get(record.run)
      if (place) place.sent = record.seq
      if (this.#all.size > 0 || this.#byRun.has(record.run)) batch.add(record)
    }
    const touched = new Set(this.#all)
    for (const run of batch.runs) for (const channel of this.#byRun.get(run) ?? []) touched.add(channel)
    for (const channel of touched) this.#sendTo(channel, batch)
    return next
  }

  #sendTo(channel: Channel, batch: RecordBatch): void {
    const { records, count } = batch.select(channel.selection, channel.runs)
    const cursor = count > 0 ? this.#cursor(channel) : ''
    const frames = new Map<string, Buffer>()
    let frame: Buffer = EMPTY
    let key: string | undefined
    for (const member of channel.members.values()) {
      if (member.ahead) this.#sendRest(channel, member, member.ahead, batch)
      else if (count > 0) {
        // Most have the same form as the one before.
        if (member.key !== key) {
          key = member.key
          frame = frames.get(key) ?? member.listener.form.records(cursor, records)
          frames.set(key, frame)
        }
        if (member.outlet.offer(frame)) {
          member.level = true
          this.sent += count
        } else this.#drop(channel, member)
      }
    }
    if (count > 0) channel.cursor = cursor
  }

  /** For who joined in the middle of what was gathered: only what it has not yet. */
  #sendRest(channel: Channel, member: Member, ahead: Map<string, number>, batch: RecordBatch): void {
    const isNew = ({ run, seq }: RunRecord) => seq > (ahead.get(run) ?? 0)
    const { records, count } = batch.select(channel.selection, channel.runs, isNew)
    if (count > 0) {
      const cursor = this.#cursor(channel, ahead)
      if (!member.outlet.offer(member.listener.form.records(cursor, records))) {
        return void this.#drop(channel, member)
      }
      member.cursor = cursor
      this.sent += count
    }
    for (const [run, seq] of ahead) if ((this.places.get(run)?.sent ?? 0) >= seq) ahead.delete(run)
    if (ahead.size === 0) member.ahead = undefined
  }

  #drop(channel: Channel, member: Member): void {
    this.leave(member.listener)
    member.listener.behind(whereIs(member, channel))
  }

  #cursor({ runs }: Channel, ahead?: ReadonlyMap<string, number>): string {
    if (!runs) return this.places.cursor(ahead)
    const seqs = new Map<string, number>()
    for (const run of runs) {
      const place = this.places.get(run)
      if (place) seqs.set(run, Math.max(place.sent, ahead?.get(run) ?? 0))
    }
    return formatCursor({ seqs })
  }

  #open(selection: Selection): Channel {
    const runs = selection.runs && new Set(selection.runs)
    const channel: Channel = { selection, runs, members: new Map(), cursor: '' }
    this.#channels.set(selection.key, channel)
    if (!runs) this.#all.add(channel)
    for (const run of runs ?? []) {
      const channels = this.#byRun.get(run) ?? new Set()
      this.#byRun.set(run, channels.add(channel))
    }
    return channel
  }

  #shut(channel: Channel): void {
    this.#channels.delete(channel.selection.key)
    this.#all.delete(channel)
    for (const run of channel.runs ?? []) {
      const channels = this.#byRun.get(run)
      if (channels?.delete(channel) && channels.size === 0) this.#byRun.delete(run)
    }
  }
}

function whereIs(member: Member, channel: Channel): string {
  return member.level ? channel.cursor : member.cursor
}
