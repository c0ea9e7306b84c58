import { createHash } from 'node:crypto'
import { DataFolderError } from '../../src/domain/errors.ts'
import { chance, chances } from '../../src/domain/seed.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { damage } from './damage.ts'
import { DiskTrouble } from './disk/disk-trouble.ts'
import { type DiskCall, type Fate, MemoryDisk } from './disk/memory-disk.ts'
import { closeDescriptors, replaceFileCalls } from './disk/replace-file-calls.ts'
import { History, type Seen, type Step } from './history.ts'
import { INVARIANTS } from './invariants/all.ts'
import { JournalWatch } from './journal-watch.ts'
import { MachineClock } from './machine-clock.ts'
import { Provider, sendTo } from './provider.ts'
import type { Ending, Scenario } from './scenario.ts'
import { SimulatedProcess } from './simulated-process.ts'

/** What must hold and does not. */
export interface Violation {
  readonly invariant: string
  readonly says: string
  readonly message: string
  /** Place in the trace, counted from 1. */
  readonly position: number
}

/** The stage of a seed: the clock, the disk, the provider, one process at a time, and what is seen of them. */
export class Simulation {
  readonly clock: VirtualClock = createVirtualClock()
  readonly scenario: Scenario
  readonly provider: Provider
  readonly history: History
  readonly disk = new MemoryDisk()
  violation: Violation | undefined
  process: SimulatedProcess | undefined
  /** How often a process took the folder. */
  opened = 0
  readonly #trouble: DiskTrouble
  #closing: Promise<void> | undefined
  #last: Ending | undefined
  /** The last ending, until what becomes of clock and disk meanwhile has happened. */
  #between: Ending | undefined
  readonly #machineClock: MachineClock
  readonly #start: number
  readonly #journals: JournalWatch
  readonly #endings: Ending[]
  readonly #random: () => number

  constructor(scenario: Scenario) {
    replaceFileCalls()
    const { seed, troubles, limits, workflows } = scenario
    this.scenario = scenario
    this.#start = this.clock.now()
    const onSetBack = (ms: number) => this.see({ kind: 'set back', ms })
    this.#machineClock = new MachineClock({ ...scenario, clock: this.clock, onSetBack })
    this.#endings = [...scenario.endings]
    this.#trouble = new DiskTrouble({
      clock: this.clock,
      seed,
      slowestMs: scenario.slowestDiskMs,
      fullFrom: scenario.fullFrom,
      onFull: (isFull) => this.see({ kind: 'disk', isFull }),
    })
    this.#random = chances(seed, 'run ids')
    this.provider = new Provider({
      clock: this.clock,
      seed,
      troubles,
      limits,
      isOwned: ({ key, name }) => key !== undefined && this.history.runs.get(key.run)?.owned.has(name) === true,
      listener: {
        onArrival: (call) => {
          this.see({ kind: 'arrived', call: call.kind, key: call.key })
          this.#count('arrived')
        },
        onAnswer: ({ kind }, status, body) => this.see({ kind: 'answered', call: kind, status, body }),
        onCreated: ({ id }, key) => key !== undefined && this.see({ kind: 'created', key, id }),
        onPrompted: ({ id }, key, turn) => key !== undefined && this.see({ kind: 'prompted', key, turn, id }),
      },
    })
    this.history = new History(this.provider, limits, (name) => {
      const workflow = workflows.find((candidate) => candidate.name === name)
      if (workflow === undefined) throw new Error(`No workflow of this seed is called '${name}'`)
      return workflow
    })
    this.disk.listener = {
      onCall: (call) => this.#onDiskCall(call),
      onSync: (path, bytes) => this.#journals.synced(path, bytes),
      pace: () => this.#trouble.pace(),
    }
    this.#journals = new JournalWatch({
      tree: this.disk.tree,
      onRecord: (record, isOld) => this.see({ kind: 'durable', record, isOld }),
      onTrouble: (says, message) => this.violate('I9', says, message),
    })
    this.disk.tree.makeFolder('/data', true)
    for (const folder of [this.disk.tree.folder('/'), this.disk.tree.folder('/data')]) folder.sync()
  }

  /** Time since the start, ms. */
  get elapsed(): number {
    return this.clock.now() - this.#start
  }

  /** Takes note of something, and asks every invariant about it. Nothing is asked any more after a violation. */
  see(seen: Seen): void {
    if (this.violation !== undefined) return
    const step: Step = { ...seen, at: this.elapsed, position: this.history.steps.length + 1 }
    for (const { id, says, check } of INVARIANTS) {
      const message = check(step, this.history)
      if (message !== undefined) {
        this.violation = { invariant: id, says, message, position: step.position }
        break
      }
    }
    this.history.fold(step)
  }

  /** Something that must hold of a whole seed does not. */
  violate(invariant: string, says: string, message: string): void {
    this.violation ??= { invariant, says, message, position: this.history.steps.length }
  }

  /** A process takes the folder; its end is as the seed has it. The runs it restored; undefined when it died over it. */
  async open(intents: 'open' | 'closed' = 'open'): Promise<readonly string[] | undefined> {
    if (this.#closing !== undefined) await this.patiently(this.#closing, 'closing', isFull)
    this.#closing = undefined
    this.freeDisk()
    this.#suffer()
    this.#journals.takeStock()
    const mount = this.disk.mount()
    const process = new SimulatedProcess({
      clock: this.clock,
      wall: () => this.#machineClock.now(),
      mount,
      random: this.#random,
      intents,
      waitsForFiles: this.scenario.slowestDiskMs === 0,
      fetch: (sender, request) => this.#fetch(sender, request),
      onRecord: (_teller, record) => {
        this.see({ kind: 'told', record })
        this.#count('record')
      },
    })
    this.process = process
    this.opened++
    this.see({ kind: 'opened', intents })
    const ending = this.#endings[0]
    if (ending?.at === 'second') this.clock.setTimeout(() => this.#end(process), ending.count * 1_000)
    const runs = await this.patiently(process.open(), 'opening', isFull)
    if (runs !== undefined) this.#journals.readBack()
    if (runs !== undefined || !this.isDiskFull || process.isDead) return runs
    // Nobody can take a folder on a full disk; whoever tried is told so, and tries again.
    process.kill()
    return this.open(intents)
  }

  /** Lets time pass until `work` settles; undefined when the process dies first, or something is violated. */
  async patiently<T>(
    work: Promise<T>,
    what: string,
    mayFail: (error: unknown) => boolean = () => false,
  ): Promise<T | undefined> {
    const { process } = this
    let settled: { readonly value: T | undefined } | undefined
    work.then(
      (value) => {
        settled = { value }
      },
      (error: unknown) => {
        if (mayFail(error)) {
          settled = { value: undefined }
          return
        }
        // Whoever leaves begins nothing any more, and says so.
        if (process?.isDead !== true && this.#closing === undefined)
          this.violate('I5', 'whatever is asked for is answered', `${what} failed: ${trace(error)}`)
      },
    )
    const since = this.elapsed
    const isLate = () => this.elapsed - since > LONGEST_WAIT_MS
    await this.pass(() => settled !== undefined || process?.isDead === true || isLate())
    if (settled === undefined && process?.isDead !== true && isLate()) {
      this.violate('I5', 'whatever is asked for is answered', `${what} is not answered within ${LONGEST_WAIT_MS} ms`)
    }
    return settled?.value
  }

  /** Lets time pass until `done`, or something is violated. */
  pass(done: () => boolean): Promise<void> {
    // An empty clock is no end here: what waits in vain is found by what should have happened.
    this.#keepAlive()
    return this.clock.runUntil(() => this.violation !== undefined || done(), LONGEST_MS)
  }

  /** Whoever holds the folder lets it go. */
  async leave(): Promise<void> {
    const { process } = this
    if (process?.isDead === false) await this.patiently(process.close(), 'closing', isFull)
    process?.kill()
  }

  async close(): Promise<void> {
    await this.leave()
    await this.provider.standIn.close()
    closeDescriptors(this.disk)
    this.disk.close()
  }

  /** The same for two executions of a seed that did the same. */
  digest(): string {
    const hash = createHash('sha256')
    for (const step of this.history.steps) hash.update(`${JSON.stringify(step)}\n`)
    return hash.digest('hex')
  }

  #fetch(process: SimulatedProcess, request: Request): Promise<Response> {
    const survives = (call: { readonly number: number }) => chance(this.scenario.seed, `survives/${call.number}`) < 0.5
    return sendTo(
      this.provider,
      this.clock,
      request,
      process,
      ({ kind, key, turn }) => {
        if (kind === 'create' || kind === 'resume') this.#journals.readBack()
        this.see({ kind: 'sent', call: kind, key, turn })
        this.#count('sent')
      },
      survives,
    )
  }

  #count(what: Ending['at']): void {
    const { process } = this
    const ending = this.#endings[0]
    if (process === undefined || process.isDead) return
    process.counts[what]++
    if (ending?.at === what && process.counts[what] === ending.count) this.#end(process)
  }

  #end(process: SimulatedProcess): void {
    if (process !== this.process || process.isDead || this.#closing !== undefined) return
    const ending = this.#endings.shift()
    if (ending === undefined) return
    this.#last = ending
    this.#between = ending
    if (ending.how === 'closed' && process.orchestrator !== undefined) {
      this.see({ kind: 'gone', how: 'closed' })
      this.#closing = process.close()
      // Whoever takes the folder next waits for it, and hears of it.
      this.#closing.catch(() => {})
      return
    }
    process.kill()
    this.see({ kind: 'gone', how: ending.how })
    // The notes on limits are not synced, and need to survive a kill alone.
    if (ending.how === 'power cut') this.disk.tree.cutPower(['limits'])
  }

  /** What becomes of clock and disk while nobody holds the folder. */
  #suffer(): void {
    const { setBackMs = 0, damage: planned } = this.#between ?? {}
    this.#between = undefined
    this.#machineClock.setBack(setBackMs)
    const open = [...this.history.runs.values()].flatMap(({ ended, run }) => (ended ? [] : [run]))
    const damaged = planned && damage(this.disk.tree, this.#journals, open, planned)
    if (damaged !== undefined) this.see({ kind: 'damaged', ...damaged })
  }

  /** Whether nobody holds the folder, or whoever does is leaving. */
  get isLeft(): boolean {
    return this.process === undefined || this.process.isDead || this.#closing !== undefined
  }

  /** How the last process ended, and what comes of it. */
  get lastEnding(): Ending | undefined {
    return this.#last
  }

  get isDiskFull(): boolean {
    return this.#trouble.isFull
  }

  /** Somebody has made room on the disk. */
  freeDisk(): void {
    this.#trouble.free()
  }

  #onDiskCall(call: DiskCall): Fate {
    if (!this.isLeft) this.#trouble.fill()
    if (this.isDiskFull && call.what === 'write') return { code: 'ENOSPC' }
    const before = this.process?.isDead
    this.#count('disk call')
    const isKilledOver = before === false && this.process?.isDead === true
    return isKilledOver && call.what === 'write' && this.#trouble.calls % 2 === 0 ? 'part' : 'whole'
  }

  #keepAlive(): void {
    if (this.#alive) return
    this.#alive = true
    const beat = () => {
      if (this.violation === undefined) this.clock.setTimeout(beat, BEAT_MS)
    }
    beat()
  }
  #alive = false
}

/** The one error that a full disk may cause. */
export function isFull(error: unknown): boolean {
  return error instanceof DataFolderError && error.code === 'data-folder-full'
}

/** Longer than anything is answered: a call, its retries, a grace time. */
const LONGEST_WAIT_MS = 15 * 60_000
const LONGEST_MS = 7 * 24 * 3_600_000
const BEAT_MS = 1_000

function trace(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
