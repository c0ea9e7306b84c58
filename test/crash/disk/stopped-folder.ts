/** A data folder as a killed process leaves it, and the same account at the provider: any number of processes may go on from a copy. */
import { posix } from 'node:path'
import { createStandIn, type StandIn } from '../../../src/backends/codegen/stand-in/stand-in.ts'
import type { StoreLine } from '../../../src/backends/codegen/stand-in/store.ts'
import { type Clock, sleep } from '../../../src/domain/clock.ts'
import type { Orchestrator, RunOutcome, RunSettings } from '../../../src/domain/orchestration.ts'
import type { RunRecord } from '../../../src/domain/record.ts'
import { chances } from '../../../src/domain/seed.ts'
import type { RateLimit, Workflow } from '../../../src/domain/workflow.ts'
import { createVirtualClock, type VirtualClock } from '../../../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../../../src/orchestrator.ts'
import { type DiskListener, MemoryDisk, type Mount } from '../../simulation/disk/memory-disk.ts'
import { closeDescriptors, replaceFileCalls } from '../../simulation/disk/replace-file-calls.ts'

const ANSWER_MS = 200
const LIMIT_MS = 24 * 3_600_000
const DATA = '/data'

/** All that outlives a process: files by their path in the data folder, what the provider accepted, and the time. */
export interface StoppedFolder {
  readonly files: ReadonlyMap<string, Buffer>
  readonly accepted: readonly StoreLine[]
  readonly now: number
  /** The journal that was being written, and from which of its bytes on nothing was synced yet. */
  readonly journal?: { readonly path: string; readonly from: number }
}

/** How a life is lived. */
export interface LifeOptions {
  readonly seed?: number
  /** At the provider, and kept here. Default: none. */
  readonly createLimit?: RateLimit
  /** What the process's clock says in place of the true time. */
  readonly skewed?: (now: number) => number
  readonly listener?: (life: DiskLife) => Partial<DiskListener>
}

/** One process on a disk in memory, with an account of its own, in virtual time. */
export class DiskLife {
  readonly clock: VirtualClock
  readonly standIn: StandIn
  readonly records: RunRecord[] = []
  /** When a create reached the provider, ms. */
  readonly creates: number[] = []
  orchestrator: Orchestrator | undefined
  readonly #disk = new MemoryDisk()
  readonly #mount: Mount
  readonly #accepted: StoreLine[]
  readonly #options: LifeOptions
  readonly #random: () => number

  constructor(options: LifeOptions = {}, from?: StoppedFolder) {
    replaceFileCalls()
    const { seed = 1, createLimit = 'none', listener } = options
    this.#options = options
    this.clock = createVirtualClock(from?.now)
    this.#mount = this.#disk.mount()
    this.#accepted = [...(from?.accepted ?? [])]
    this.#random = chances(seed, 'run ids')
    this.#disk.tree.makeFolder(DATA, true)
    for (const [path, bytes] of from?.files ?? []) this.write(path, bytes)
    if (listener !== undefined) this.#disk.listener = { ...this.#disk.listener, ...listener(this) }
    const limits = { create: createLimit, standard: 'none', shared: 'none', logs: 'none' } as const
    this.standIn = createStandIn({ clock: this.clock, seed, limits, store: this.#store() })
  }

  /** Puts a file into the data folder, or replaces it. */
  write(path: string, bytes: Buffer): void {
    const { tree } = this.#disk
    tree.makeFolder(posix.dirname(posix.join(DATA, path)), true)
    const file = tree.makeFile(posix.join(DATA, path), { exclusive: false, empty: true })
    file.write(bytes, 0)
    file.sync()
  }

  remove(path: string): void {
    this.#disk.tree.remove(posix.join(DATA, path), { force: true, recursive: false })
  }

  /** Takes the folder; gives the unfinished runs, which go on. */
  async open(): Promise<readonly string[]> {
    const environment = { baseUrl: 'http://codegen.invalid', token: 'token-of-the-test' }
    const orchestrator = await createLocalOrchestrator({
      dataDir: `${this.#mount.path}${DATA}`,
      clock: this.#clock(),
      environment,
      fetch: (input, init) => this.#fetch(new Request(input, init)),
      random: this.#random,
    })
    orchestrator.subscribe((_run, records) => {
      this.records.push(...records)
    })
    this.orchestrator = orchestrator
    return orchestrator.resume()
  }

  start(workflow: Workflow, settings: RunSettings = {}): Promise<string> {
    if (this.orchestrator === undefined) throw new Error('Nobody holds the folder')
    const { createLimit = 'none' } = this.#options
    const limits = { 'codegen.create': createLimit, 'codegen.shared': 'none', 'codegen.standard': 'none' } as const
    return this.orchestrator.start(workflow, {}, { limits, graceMs: 1_000, ...settings })
  }

  /** Lets time pass until the run has settled. Throws when that takes more than a day. */
  async settled(run: string): Promise<RunOutcome> {
    const outcome = this.orchestrator?.settled(run)
    if (outcome === undefined) throw new Error('Nobody holds the folder')
    await this.clock.runUntil(outcome, LIMIT_MS)
    return outcome
  }

  /** Everything as it is now, as if the process were killed. */
  stop(journal?: StoppedFolder['journal']): StoppedFolder {
    return {
      files: new Map(this.#files(DATA)),
      accepted: [...this.#accepted],
      now: this.clock.now(),
      ...(journal === undefined ? {} : { journal }),
    }
  }

  /** A path of the disk as one of the data folder. */
  inData(path: string): string {
    return posix.relative(DATA, path)
  }

  /** How many bytes of a file of the data folder a power cut would leave. */
  durable(path: string): number {
    return this.#disk.tree.file(posix.join(DATA, path)).durable.length
  }

  async close(): Promise<void> {
    await this.orchestrator?.close().catch(() => {})
    await this.standIn.close()
    closeDescriptors(this.#disk)
    this.#disk.close()
  }

  *#files(folder: string): Generator<[string, Buffer]> {
    for (const [name, node] of this.#disk.tree.folder(folder).entries) {
      const path = posix.join(folder, name)
      if (node.kind === 'folder') yield* this.#files(path)
      else yield [this.inData(path), Buffer.from(node.bytes)]
    }
  }

  #store() {
    const accepted = this.#accepted
    return {
      past: [...accepted],
      append: async (line: StoreLine) => {
        accepted.push(line)
      },
      close: async () => {},
    }
  }

  async #fetch(request: Request): Promise<Response> {
    await sleep(this.clock, ANSWER_MS / 2)
    if (request.method === 'POST' && request.url.endsWith('/agent/run')) this.creates.push(this.clock.now())
    const answer = await this.standIn.fetch(request)
    await sleep(this.clock, ANSWER_MS / 2)
    return answer
  }

  #clock(): Clock {
    const { clock } = this
    const { skewed = (now) => now } = this.#options
    return {
      now: () => skewed(clock.now()),
      setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
      clearTimeout: (handle) => clock.clearTimeout(handle),
      operation: (work) => clock.operation(work),
    }
  }
}

/** Lives one life and clears it away. */
export async function inLife<T>(
  options: LifeOptions,
  live: (life: DiskLife) => Promise<T>,
  from?: StoppedFolder,
): Promise<T> {
  const life = new DiskLife(options, from)
  try {
    return await live(life)
  } finally {
    await life.close()
  }
}

/** Every moment in the life of runs, begun one after the other, at which a group of records is written and not yet synced: there a kill tears the journal. */
export async function unsyncedMoments(...workflows: readonly Workflow[]): Promise<readonly StoppedFolder[]> {
  const moments: StoppedFolder[] = []
  const listener = (life: DiskLife): Partial<DiskListener> => ({
    onCall({ what, path }) {
      if (what === 'sync' && /journal\.\d+\.ndjson$/.test(path)) {
        const name = life.inData(path)
        moments.push(life.stop({ path: name, from: life.durable(name) }))
      }
      return 'whole'
    },
  })
  await inLife({ listener }, async (life) => {
    await life.open()
    const runs: string[] = []
    for (const workflow of workflows) runs.push(await life.start(workflow))
    for (const run of runs) await life.settled(run)
  })
  return moments
}
