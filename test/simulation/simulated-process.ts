import type { Clock } from '../../src/domain/clock.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import type { Orchestrator } from '../../src/domain/orchestration.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { steadyTime } from '../../src/host/clock.ts'
import type { VirtualClock } from '../../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../../src/orchestrator.ts'
import type { Mount } from './disk/memory-disk.ts'

export interface ProcessOptions {
  readonly clock: VirtualClock
  /** What the machine's clock shows. */
  readonly wall: () => number
  readonly mount: Mount
  readonly random: () => number
  readonly intents: 'open' | 'closed'
  /** Whether time stands still while files and modules are read; not where file calls take virtual time themselves. */
  readonly waitsForFiles: boolean
  readonly fetch: (process: SimulatedProcess, request: Request) => Promise<Response>
  readonly onRecord: (process: SimulatedProcess, record: RunRecord) => void
}

/** One process that holds the data folder: killed, it does, hears and says nothing any more. */
export class SimulatedProcess {
  readonly mount: Mount
  /** Counts of what may end it. */
  readonly counts = { record: 0, sent: 0, arrived: 0, 'disk call': 0, second: 0 }
  readonly #options: ProcessOptions
  /** The time as the process has it. */
  readonly now: () => number
  #orchestrator: Orchestrator | undefined
  #die: () => void = () => {}
  /** What a dead process asked for is never answered, and nobody waits for it. */
  readonly #died = new Promise<void>((resolve) => {
    this.#die = resolve
  })

  constructor(options: ProcessOptions) {
    this.#options = options
    this.now = steadyTime(options.wall, () => options.clock.now())
    this.mount = options.mount
  }

  get isDead(): boolean {
    return this.mount.isDead
  }

  /** Undefined until the folder is open. */
  get orchestrator(): Orchestrator | undefined {
    return this.#orchestrator
  }

  /** Takes the folder, and everything in it that has not ended. The runs that were restored. */
  async open(): Promise<readonly string[]> {
    const { mount, random, intents, fetch, onRecord } = this.#options
    const orchestrator = await createLocalOrchestrator({
      dataDir: `${mount.path}/data`,
      clock: this.#clock(),
      // Not the embedded stand-in: what was created may appear late, as at the real service.
      environment: { baseUrl: 'http://codegen.invalid', token: 'token-of-the-simulation' },
      fetch: (input, init) => fetch(this, new Request(input, init)),
      lock: { check: async () => this.#checkLock() },
      random,
      intents,
    })
    orchestrator.subscribe((_run, records) => {
      for (const record of records) if (!this.isDead) onRecord(this, record)
    })
    this.#orchestrator = orchestrator
    return orchestrator.resume()
  }

  kill(): void {
    this.mount.isDead = true
    this.#die()
  }

  /** It ends of itself, and makes everything durable first. */
  async close(): Promise<void> {
    try {
      await this.#orchestrator?.close()
    } finally {
      this.kill()
    }
  }

  #checkLock(): void {
    if (this.isDead) throw new DataFolderError('lost', this.mount.path, 'The process is dead')
  }

  /** Its timers no longer go off once it is dead. */
  #clock(): Clock {
    const { clock, waitsForFiles } = this.#options
    const wait = <T>(work: Promise<T>): Promise<T> => {
      const settled = work.then(
        () => {},
        () => {},
      )
      void clock.operation(Promise.race([settled, this.#died]))
      return work
    }
    return {
      now: () => this.now(),
      setTimeout: (fn, ms) => clock.setTimeout(() => (this.isDead ? undefined : fn()), ms),
      clearTimeout: (handle) => clock.clearTimeout(handle),
      operation: (work) => (waitsForFiles ? wait(work) : work),
    }
  }
}
