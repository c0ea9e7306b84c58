/** A whole orchestrator in virtual time: the stand-in as its network, a process that can die at any moment, one real folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Faults } from '../../src/backends/codegen/stand-in/faults.ts'
import { createStandIn, type StandIn, type StandInOptions } from '../../src/backends/codegen/stand-in/stand-in.ts'
import { type Clock, sleep } from '../../src/domain/clock.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import type { Orchestrator, RunOutcome } from '../../src/domain/orchestration.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { chances } from '../../src/domain/seed.ts'
import type { Workflow } from '../../src/domain/workflow.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../../src/orchestrator.ts'

const ANSWER_MS = 200
const HOUR_MS = 3_600_000

export interface WorldOptions {
  readonly seed?: number
  readonly faults?: Partial<Faults>
  readonly quota?: number
  /** No limits at the stand-in; the orchestrator keeps its own. */
  readonly unlimited?: boolean
  readonly standIn?: Partial<StandInOptions>
  /** What becomes of a request on its way; `deliver` carries it out at the account. Default: it arrives. */
  readonly network?: Network
}

/** Carries requests to the account and answers back. */
export type Network = (request: Request, deliver: (request: Request) => Promise<Response>) => Promise<Response>

/** A process: what it does stops without a trace when it dies. */
interface Process {
  readonly clock: Clock
  dead: boolean
}

/** One data folder, one account, and the processes that hold the folder one after the other. */
export class World {
  readonly clock: VirtualClock = createVirtualClock()
  readonly standIn: StandIn
  /** When a create reached the account, ms. */
  readonly creates: number[] = []
  /** Every durable record in the order in which it was told, whoever held the folder. */
  readonly records: RunRecord[] = []
  readonly #dataDir: string
  readonly #random: () => number
  readonly #network: Network
  #process: Process | undefined
  #orchestrator: Orchestrator | undefined
  /** What dead processes have left open. */
  readonly #left: Orchestrator[] = []
  #leaving: Promise<void> | undefined
  /** Told of each create and each prompt: before it reaches the account, and after, before it is answered. */
  onWrite: (when: 'before' | 'after') => void = () => {}
  onRecord: (record: RunRecord) => void = () => {}

  constructor(dataDir: string, options: WorldOptions) {
    const { seed = 1, faults = {}, quota, unlimited = false } = options
    this.#dataDir = dataDir
    this.#random = chances(seed, 'run ids')
    this.#network = options.network ?? ((request, deliver) => deliver(request))
    const none = { create: 'none', standard: 'none', logs: 'none' } as const
    this.standIn = createStandIn({
      clock: this.clock,
      seed,
      faults,
      ...(quota === undefined ? {} : { quota }),
      ...(unlimited ? { limits: none } : {}),
      ...options.standIn,
    })
  }

  get orchestrator(): Orchestrator {
    if (this.#orchestrator === undefined) throw new Error('Nobody holds the folder')
    return this.#orchestrator
  }

  /** A new process takes the folder. */
  async open(): Promise<Orchestrator> {
    if (this.#leaving !== undefined) await this.clock.runUntil(this.#leaving)
    const process: Process = { clock: this.#clockOf(() => process.dead), dead: false }
    this.#process = process
    const orchestrator = await createLocalOrchestrator({
      dataDir: this.#dataDir,
      clock: process.clock,
      // Not the embedded stand-in: what was created may appear late, as at the real service.
      environment: { baseUrl: 'http://codegen.invalid', token: 'token-of-the-test' },
      fetch: (input, init) => this.#fetch(process, new Request(input, init)),
      lock: { check: async () => this.#alive(process) },
      random: this.#random,
    })
    orchestrator.subscribe((_run, records) => {
      for (const record of records) {
        if (process.dead) return
        this.records.push(record)
        this.onRecord(record)
      }
    })
    this.#orchestrator = orchestrator
    return orchestrator
  }

  /** SIGKILL: nothing more is written, sent, heard or told. */
  kill(): void {
    if (this.#process !== undefined) this.#process.dead = true
    if (this.#orchestrator !== undefined) this.#left.push(this.#orchestrator)
    this.#orchestrator = undefined
  }

  /** The process ends of itself, and makes all durable first; the next one waits for that. */
  leave(): void {
    this.#leaving = this.#orchestrator?.close()
    this.#orchestrator = undefined
  }

  /** Where the data folder is. */
  get dataDir(): string {
    return this.#dataDir
  }

  /** Whether a process holds the folder. */
  get isHeld(): boolean {
    return this.#orchestrator !== undefined
  }

  start(workflow: Workflow, settings = {}): Promise<string> {
    return this.orchestrator.start(workflow, {}, settings)
  }

  /** Restores all unfinished runs, unless the process dies over it. */
  async resumed(): Promise<readonly string[]> {
    let runs: readonly string[] | undefined
    void this.orchestrator.resume().then((resumed) => {
      runs = resumed
    })
    await this.clock.runUntil(() => runs !== undefined || !this.isHeld)
    return runs ?? []
  }

  /** Lets time pass until the run has settled, or the process dies; undefined then. */
  async settled(run: string, limitMs = 24 * HOUR_MS): Promise<RunOutcome | undefined> {
    if (!this.isHeld) return undefined
    let outcome: RunOutcome | undefined
    void this.orchestrator.settled(run).then((settled) => {
      outcome = settled
    })
    await this.clock.runUntil(() => outcome !== undefined || !this.isHeld, limitMs)
    return this.isHeld ? outcome : undefined
  }

  /** Lets time pass until a record is there, or throws after a day. */
  until(found: (record: RunRecord) => boolean): Promise<void> {
    return this.clock.runUntil(() => this.records.some(found), 24 * HOUR_MS)
  }

  /** Every record of a run, from the disk. */
  stored(run: string): Promise<readonly RunRecord[]> {
    return this.orchestrator.records(run, 0, 100_000)
  }

  /** The states that an actor was told to go through. */
  states(actor: string): readonly string[] {
    return statesOf(this.records, actor)
  }

  async close(): Promise<void> {
    await this.#orchestrator?.close()
    // A dead process has no open files; these are closed for the sake of the one that runs the tests.
    await Promise.allSettled(this.#left.map((orchestrator) => orchestrator.close()))
    await this.standIn.close()
    await rm(this.#dataDir, { recursive: true, force: true })
  }

  async #fetch(process: Process, request: Request): Promise<Response> {
    const isCreate = request.method === 'POST' && request.url.endsWith('/agent/run')
    this.#diesIfDead(process)
    if (request.method === 'POST') this.onWrite('before')
    if (process.dead) return NEVER
    await sleep(this.clock, ANSWER_MS / 2)
    if (isCreate) this.creates.push(this.clock.now())
    // What has left is carried out, even when nobody waits for the answer any more.
    const answer = this.#network(request, (sent) => this.standIn.fetch(sent))
    const settled = await answer.then(
      (response) => response,
      (error: unknown) => error,
    )
    if (request.method === 'POST') this.onWrite('after')
    await sleep(this.clock, ANSWER_MS / 2)
    if (process.dead) return NEVER
    if (settled instanceof Response) return settled
    throw settled
  }

  #diesIfDead(process: Process): void {
    if (process.dead) throw new Error('A dead process sends nothing')
  }

  #alive(process: Process): Promise<void> {
    if (!process.dead) return Promise.resolve()
    return Promise.reject(new DataFolderError('lost', this.#dataDir, 'The process is dead'))
  }

  /** The clock of a process whose timers no longer go off once it is dead. */
  #clockOf(isDead: () => boolean): Clock {
    const { clock } = this
    return {
      now: () => clock.now(),
      setTimeout: (fn, ms) => clock.setTimeout(() => (isDead() ? undefined : fn()), ms),
      clearTimeout: (handle) => clock.clearTimeout(handle),
      operation: (work) => clock.operation(work),
    }
  }
}

const NEVER = new Promise<never>(() => {})

/** Makes a world in a temporary folder, gives it to `live` and clears it away. */
export async function inWorld(options: WorldOptions, live: (world: World) => Promise<void>): Promise<void> {
  const world = new World(await mkdtemp(join(tmpdir(), 'troupe-simulation-')), options)
  try {
    await world.open()
    await live(world)
  } finally {
    await world.close()
  }
}

/** The states that records show an actor to go through. */
export function statesOf(records: readonly RunRecord[], actor: string): readonly string[] {
  return records.flatMap(({ type, actor: { id }, to }) =>
    type === 'transition' && id === actor && to !== undefined ? [to] : [],
  )
}

/** Most of the times that lie in any window of `windowMs`. */
export function mostInAWindow(times: readonly number[], windowMs: number): number {
  let most = 0
  for (let from = 0, to = 0; to < times.length; to++) {
    while ((times[to] ?? 0) - (times[from] ?? 0) >= windowMs) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
