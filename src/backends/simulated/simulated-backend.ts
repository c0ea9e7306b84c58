import type { AgentRunRef, Backend } from '../../domain/backend.ts'
import type { Clock, TimerHandle } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { formatKey } from '../../domain/ids.ts'
import type { BackendCall } from '../../domain/measure.ts'
import { BACKEND_ID, createRef, firstTurn, logsAt, type SimulatedTurn, stateAt } from './simulated-run.ts'
import { DEFAULT_DURATION_MS, planAgent } from './simulated-script.ts'

/** How the simulated backend behaves. */
export interface SimulatedOptions {
  readonly clock: Clock
  /** Decides which attempts fail by {@link SimulatedOptions.failureRate}. */
  readonly seed: number
  /** Divides all durations; default 1. */
  readonly speed?: number
  /** Default `simulated`. */
  readonly account?: string
  /** The part of attempts (0..1) that fail without being scripted to; default 0. */
  readonly failureRate?: number
  /** Told of each agent that was created, read or prompted; it takes no time. */
  readonly onCall?: (call: BackendCall) => void
}

/** What this process knows of a run beyond its ref. */
interface LiveRun {
  readonly ref: AgentRunRef
  turn: SimulatedTurn
  cancelledAt?: number
}

const CREATED: BackendCall = { operation: 'createRun', outcome: 'ok', ms: 0 }
const READ: BackendCall = { operation: 'getRun', outcome: 'ok', ms: 0 }
const PROMPTED: BackendCall = { operation: 'resumeRun', outcome: 'ok', ms: 0 }

/** From so many on, ended runs are forgotten now and then: the key of one that has ended is not created again. */
const REMEMBERED = 10_000

/**
 * Agents that do nothing for as long as the task's `simulate.durationMs`, else its estimate, else 1 s, and end as scripted. In
 * this process, on its clock, without I/O.
 *
 * A ref answers for its run after a restart, as a function of ref and time. Two things are forgotten then: that a run was
 * cancelled (it goes on to its end) and turns after the first: whoever asks for one is told that it was answered, so that
 * nothing waits for it.
 */
export function createSimulatedBackend(options: SimulatedOptions): Backend {
  const { clock, seed, account = BACKEND_ID, failureRate = 0, onCall } = options
  const speed = options.speed !== undefined && options.speed > 0 ? options.speed : 1
  const runs = new LiveRuns(clock, speed)
  return {
    id: BACKEND_ID,
    account,
    capabilities: {
      idempotentCreate: true,
      cancel: true,
      resumeAfterRestart: true,
      turns: true,
      logs: true,
      steer: false,
      usage: true,
    },
    createBuckets: [],
    graceMs: 0,
    async create(order, signal) {
      signal.throwIfAborted()
      onCall?.(CREATED)
      const known = runs.get(formatKey(order.key))
      if (known !== undefined) return known.ref
      const ref = createRef(order.key, planAgent(order, seed, speed, failureRate), clock.now())
      runs.add(ref)
      return ref
    },
    async find(key, _since, signal) {
      signal.throwIfAborted()
      const known = runs.get(formatKey(key))
      return known === undefined ? { kind: 'absent' } : { kind: 'found', ref: known.ref, others: [] }
    },
    async read(ref, signal) {
      signal.throwIfAborted()
      onCall?.(READ)
      return stateAt(runs.view(ref), clock.now())
    },
    follow: (ref, onHint, signal) => runs.follow(ref, onHint, signal),
    async prompt(ref, { turn }, signal) {
      signal.throwIfAborted()
      runs.prompt(ref, turn)
      onCall?.(PROMPTED)
    },
    async findTurn(ref, { turn }, signal) {
      signal.throwIfAborted()
      return runs.findTurn(ref, turn)
    },
    async cancel(ref, signal) {
      signal.throwIfAborted()
      runs.cancel(ref)
    },
    async logs(ref, limit, signal) {
      signal.throwIfAborted()
      return limit > 0 ? logsAt(runs.view(ref), clock.now()).slice(-limit) : []
    },
    close: async () => runs.close(),
  }
}

class LiveRuns {
  readonly #clock: Clock
  readonly #speed: number
  readonly #runs = new Map<string, LiveRun>()
  /** Told when a run's end has moved. */
  readonly #followers = new Map<string, Set<Follower>>()
  #forgetAt = REMEMBERED
  #closed = false

  constructor(clock: Clock, speed: number) {
    this.#clock = clock
    this.#speed = speed
  }

  get(id: string): LiveRun | undefined {
    return this.#runs.get(id)
  }

  add(ref: AgentRunRef): void {
    this.#runs.set(ref.id, { ref, turn: { ...firstTurn(ref), number: 1 } })
    if (this.#runs.size > this.#forgetAt) this.#forgetEnded()
  }

  /** What is known of a run; of one that an earlier process created, what its ref says. */
  view(ref: AgentRunRef): LiveRun {
    return this.#runs.get(ref.id) ?? { ref, turn: firstTurn(ref) }
  }

  prompt(ref: AgentRunRef, number: number): void {
    const run = this.#remember(ref)
    const now = this.#clock.now()
    if (run.cancelledAt !== undefined) {
      throw new BackendError(`'${ref.id}' was cancelled and takes no prompt.`, {
        kind: 'refused',
        retryable: false,
        certain: true,
      })
    }
    // The same turn again, or an older one, has arrived before.
    if (number <= (run.turn.number ?? 1)) return
    const first = firstTurn(ref)
    const scripted = first.endsAt - first.startedAt
    const durationMs = Number.isFinite(scripted) ? scripted : Math.round(DEFAULT_DURATION_MS / this.#speed)
    // Work under way is brought to its end first; what never ends is given up.
    const startedAt = Number.isFinite(run.turn.endsAt) ? Math.max(now, run.turn.endsAt) : now
    run.turn = { number, startedAt, endsAt: startedAt + durationMs, outcome: 'complete' }
    this.#tell(ref.id)
  }

  findTurn(ref: AgentRunRef, number: number): 'answered' | 'seen' | 'absent' {
    const run = this.#runs.get(ref.id)
    const now = this.#clock.now()
    if (run === undefined) return number > 1 || firstTurn(ref).endsAt <= now ? 'answered' : 'seen'
    const last = run.turn.number ?? 1
    if (number > last) return 'absent'
    return number < last || run.turn.endsAt <= now ? 'answered' : 'seen'
  }

  cancel(ref: AgentRunRef): void {
    const run = this.#remember(ref)
    const now = this.#clock.now()
    const ended = run.turn.endsAt <= now && run.turn.outcome !== 'paused'
    if (ended || run.cancelledAt !== undefined) return
    run.cancelledAt = now
    this.#tell(ref.id)
  }

  follow(ref: AgentRunRef, onHint: () => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#closed) return resolve()
      const follower = new Follower(this.#clock, () => this.#endOf(ref), onHint)
      const id = ref.id
      const followers = this.#followers.get(id) ?? new Set()
      this.#followers.set(id, followers.add(follower))
      const stop = () => {
        follower.stop()
        followers.delete(follower)
        if (followers.size === 0) this.#followers.delete(id)
        resolve()
      }
      signal.addEventListener('abort', stop, { once: true })
      follower.begin()
    })
  }

  close(): void {
    this.#closed = true
    for (const followers of this.#followers.values()) for (const follower of followers) follower.stop()
  }

  #endOf(ref: AgentRunRef): number {
    const run = this.view(ref)
    return run.cancelledAt ?? run.turn.endsAt
  }

  #remember(ref: AgentRunRef): LiveRun {
    const run = this.view(ref)
    this.#runs.set(ref.id, run)
    return run
  }

  #tell(id: string): void {
    for (const follower of this.#followers.get(id) ?? []) follower.changed()
  }

  #forgetEnded(): void {
    const now = this.#clock.now()
    for (const [id, run] of this.#runs) {
      if (this.#endOf(run.ref) <= now && !this.#followers.has(id)) this.#runs.delete(id)
    }
    this.#forgetAt = Math.max(REMEMBERED, 2 * this.#runs.size)
  }
}

/** Hints at the end of a run's turn, and whenever that has changed. */
class Follower {
  readonly #clock: Clock
  readonly #endsAt: () => number
  readonly #onHint: () => void
  #timer: TimerHandle | undefined

  constructor(clock: Clock, endsAt: () => number, onHint: () => void) {
    this.#clock = clock
    this.#endsAt = endsAt
    this.#onHint = onHint
  }

  begin(): void {
    const rest = this.#endsAt() - this.#clock.now()
    if (rest <= 0) this.#onHint()
    else if (Number.isFinite(rest)) this.#timer = this.#clock.setTimeout(() => this.#due(), rest)
  }

  changed(): void {
    this.stop()
    this.#onHint()
    if (this.#endsAt() > this.#clock.now()) this.begin()
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** A timer may be early by the clock, which may have gone back. */
  #due(): void {
    this.#timer = undefined
    this.begin()
  }
}
