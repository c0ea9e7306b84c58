import { sleep } from '../../src/domain/clock.ts'
import type { Limiter } from '../../src/domain/limiter.ts'
import type { BackendCall } from '../../src/domain/measure.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { Circuits } from '../../src/limits/circuits.ts'
import type { LimitNotebook } from '../../src/limits/limit-notebook.ts'
import { createLimiter } from '../../src/limits/limiter.ts'
import { never, slotRequest } from './slot-requests.ts'

export const ACCOUNT = 'codegen'
const ANSWER_MS = 200
const AGENT_MS = 30_000

/** An account, its limiter with circuits, and tasks that behave as agents' machines do. */
export class CircuitWorld {
  readonly clock: VirtualClock
  readonly circuits: Circuits
  readonly limiter: Limiter
  /** When each creation was sent, ms since the start. */
  readonly creations: number[] = []
  /** By task: the attempts that ended, in order. */
  readonly ended: Record<string, ('completed' | 'failed')[]> = {}
  isDown = false
  agentsFail = false
  readonly #start: number

  constructor(clock: VirtualClock = createVirtualClock(), notebook?: LimitNotebook) {
    this.clock = clock
    this.#start = clock.now()
    const made = { clock, ...(notebook === undefined ? {} : { notebook }) }
    this.circuits = new Circuits(made)
    this.limiter = createLimiter({ ...made, circuits: this.circuits })
  }

  get elapsed(): number {
    return this.clock.now() - this.#start
  }

  /** How many creations were sent in each minute. */
  get perMinute(): number[] {
    const counts: number[] = []
    for (const at of this.creations) {
      const minute = Math.floor(at / 60_000)
      counts[minute] = (counts[minute] ?? 0) + 1
    }
    return Array.from(counts, (count) => count ?? 0)
  }

  called(outcome: BackendCall['outcome'], operation = 'createRun', ms = 0): void {
    this.circuits.called(ACCOUNT, { operation, outcome, ms })
  }

  fail(times: number): void {
    for (let time = 0; time < times; time++) this.called('unreachable', 'listRuns')
  }

  /** Carries a task out: a create that certainly did nothing is put back, an agent that fails costs an attempt. */
  async carryOut(task: string, attempts = 3): Promise<void> {
    const ended: ('completed' | 'failed')[] = []
    this.ended[task] = ended
    while (ended.length < attempts && ended.at(-1) !== 'completed') {
      const holder = `run/${task}/${ended.length + 1}`
      await this.#create(holder)
      await sleep(this.clock, AGENT_MS)
      const fails = this.agentsFail
      this.limiter.release(holder)
      ended.push(fails ? 'failed' : 'completed')
      // A record has to become durable before anybody hears of it.
      await sleep(this.clock, 5)
      if (fails) this.circuits.ended(ACCOUNT, holder, 'agent-failed: It gave up')
      else this.circuits.completed(ACCOUNT)
    }
  }

  async #create(holder: string): Promise<void> {
    for (let refusals = 0; ; refusals++) {
      const notBefore = refusals === 0 ? 0 : this.clock.now() + Math.min(60_000, 1_000 * 2 ** (refusals - 1))
      await this.limiter.acquire(slotRequest(holder, { caps: ['run:a'], notBefore }), never())
      this.creations.push(this.elapsed)
      const isDown = this.isDown
      await sleep(this.clock, ANSWER_MS)
      this.called(isDown ? 'unreachable' : 'ok', 'createRun', ANSWER_MS)
      if (!isDown) return
      this.limiter.release(holder)
    }
  }
}
