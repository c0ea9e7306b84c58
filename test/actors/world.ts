import type { AgentOrder, AgentRunRef, AgentRunState, Backend } from '../../src/domain/backend.ts'
import { sleep } from '../../src/domain/clock.ts'
import { type AttemptKey, formatKey } from '../../src/domain/ids.ts'
import type { Json } from '../../src/domain/json.ts'
import type { VirtualClock } from '../../src/host/virtual-clock.ts'

/** An agent run as the world knows it. */
interface WorldRun {
  readonly ref: AgentRunRef
  readonly key: AttemptKey
  readonly createdAt: number
  /** When each turn ends, by its number. */
  readonly turns: Map<number, number>
}

/** What agents do; times in ms. */
export interface WorldScript {
  /** How long an agent works on a turn. Default 10 s. */
  readonly worksFor?: (key: AttemptKey, turn: number) => number
  /** What an agent returns as `result` of its report. Default null. */
  readonly returns?: (key: AttemptKey) => Json
  /** How a task ends at its backend. Default `complete`. */
  readonly ends?: (key: AttemptKey) => AgentRunState['status']
  /** Told of every write before it takes effect. */
  readonly onWrite?: (write: string) => void
}

const THERE_MS = 100
const BACK_MS = 100
const HINT_MS = 2_000

/**
 * Where agent runs happen while orchestrators come and go: a request that has left arrives, whoever sent it; who was created and
 * prompted how often is counted.
 */
export class World {
  readonly clock: VirtualClock
  /** How often each attempt was created, by RUN/TASK/ATTEMPT. */
  readonly creations = new Map<string, number>()
  /** How often each turn was prompted, by RUN/TASK/ATTEMPT/TURN. */
  readonly prompts = new Map<string, number>()
  readonly #script: WorldScript
  readonly #runs = new Map<string, WorldRun>()

  constructor(clock: VirtualClock, script: WorldScript = {}) {
    this.clock = clock
    this.#script = script
  }

  /** The backend as one process sees it. */
  backend(): Backend {
    return {
      id: 'world',
      account: 'world',
      createBuckets: [],
      graceMs: 1_000,
      capabilities: {
        idempotentCreate: false,
        cancel: true,
        resumeAfterRestart: true,
        turns: true,
        logs: false,
        steer: false,
        usage: false,
      },
      create: (order, signal) => this.#send(`create ${formatKey(order.key)}`, () => this.#create(order), signal),
      prompt: (ref, { turn }, signal) => {
        const { key } = this.#run(ref)
        return this.#send(`prompt ${formatKey(key)}/${turn}`, () => this.#prompt(ref, turn), signal)
      },
      cancel: (ref, signal) => this.#send(`cancel ${formatKey(this.#run(ref).key)}`, () => this.#cancel(ref), signal),
      find: async (key, _since, signal) => {
        await sleep(this.clock, BACK_MS, signal)
        const found = [...this.#runs.values()].filter((run) => formatKey(run.key) === formatKey(key))
        const [first, ...others] = found.map((run) => run.ref)
        return first === undefined ? { kind: 'absent' } : { kind: 'found', ref: first, others }
      },
      read: async (ref, signal) => {
        await sleep(this.clock, BACK_MS, signal)
        return this.#state(ref)
      },
      findTurn: async (ref, { turn }, signal) => {
        await sleep(this.clock, BACK_MS, signal)
        const endsAt = this.#run(ref).turns.get(turn)
        if (endsAt === undefined) return 'absent'
        return endsAt <= this.clock.now() ? 'answered' : 'seen'
      },
      follow: async (_ref, onHint, signal) => {
        while (!signal.aborted) {
          onHint()
          await sleep(this.clock, HINT_MS, signal).catch(() => {})
        }
      },
      close: async () => {},
    }
  }

  /** A request that has left takes effect; its answer reaches only who still waits. */
  async #send<T>(write: string, arrive: () => T, signal: AbortSignal): Promise<T> {
    this.#script.onWrite?.(write)
    await sleep(this.clock, THERE_MS)
    const answer = arrive()
    await sleep(this.clock, BACK_MS, signal)
    return answer
  }

  #create({ key }: AgentOrder): AgentRunRef {
    const name = formatKey(key)
    this.creations.set(name, (this.creations.get(name) ?? 0) + 1)
    const id = `${name}#${this.creations.get(name)}`
    const ref = { backend: 'world', id, url: `https://agents.invalid/${name}` }
    const createdAt = this.clock.now()
    this.#runs.set(id, { ref, key, createdAt, turns: new Map([[1, createdAt + this.#worksFor(key, 1)]]) })
    return ref
  }

  #prompt(ref: AgentRunRef, turn: number): void {
    const { key, turns } = this.#run(ref)
    const name = `${formatKey(key)}/${turn}`
    this.prompts.set(name, (this.prompts.get(name) ?? 0) + 1)
    if (!turns.has(turn)) turns.set(turn, this.clock.now() + this.#worksFor(key, turn))
  }

  #cancel(ref: AgentRunRef): void {
    const { turns } = this.#run(ref)
    for (const [turn, endsAt] of turns) turns.set(turn, Math.min(endsAt, this.clock.now()))
  }

  #state(ref: AgentRunRef): AgentRunState {
    const { key, turns } = this.#run(ref)
    const turn = Math.max(...turns.keys())
    const at = this.clock.now()
    const url = ref.url ?? ''
    if ((turns.get(turn) ?? 0) > at) return { status: 'active', rawStatus: 'ACTIVE', pullRequests: [], at, url }
    const status = this.#script.ends?.(key) ?? 'complete'
    const report = { status: 'completed', turn, result: this.#script.returns?.(key) ?? null }
    const result = `${key.task} is done\n\`\`\`json\n${JSON.stringify(report)}\n\`\`\``
    return { status, rawStatus: status.toUpperCase(), result, pullRequests: [], at, url }
  }

  #worksFor(key: AttemptKey, turn: number): number {
    return this.#script.worksFor?.(key, turn) ?? 10_000
  }

  #run(ref: AgentRunRef): WorldRun {
    const run = this.#runs.get(ref.id)
    if (run === undefined) throw new Error(`The world knows no ${ref.id}`)
    return run
  }
}
