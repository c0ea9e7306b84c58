import type { AgentOrder, AgentRunRef, Backend } from '../../domain/backend.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import type { BackendCall } from '../../domain/measure.ts'
import type { LocalAgent } from './conversation.ts'
import { LocalAttempt } from './local-attempt.ts'
import type { LocalMachine } from './local-machine.ts'

/** What a local backend is made of. */
export interface LocalBackendOptions {
  readonly agent: LocalAgent
  readonly machine: LocalMachine
  /** Told of each agent that was started or prompted. */
  readonly onCall?: (call: BackendCall) => void
}

/**
 * A coding agent of this machine as a backend: one conversation and one worktree an attempt. What an attempt did is in its own notes,
 * which are durable before anything follows from them, so that a create is made once whatever happens, and a turn that was cut short
 * by the end of this process goes on in the next.
 */
export function createLocalBackend({ agent, machine, onCall }: LocalBackendOptions): Backend {
  const attempts = new Attempts(agent, machine)
  const { steer, usage } = agent.abilities
  const backend: Backend = {
    id: agent.id,
    account: agent.id,
    capabilities: {
      idempotentCreate: true,
      cancel: true,
      resumeAfterRestart: true,
      turns: true,
      logs: true,
      steer,
      usage,
      worktree: true,
    },
    createBuckets: [],
    graceMs: 0,
    async create(order: AgentOrder, signal) {
      const attempt = await attempts.get(order.key)
      const began = machine.clock.now()
      await attempt.begin(order, signal)
      onCall?.({ operation: 'createRun', outcome: 'ok', ms: machine.clock.now() - began })
      return refOf(agent.id, attempt)
    },
    async find(key) {
      const attempt = await attempts.get(key)
      if ((attempt.known?.turn ?? 0) === 0) return { kind: 'absent' }
      return { kind: 'found', ref: refOf(agent.id, attempt), others: [] }
    },
    async read(ref) {
      return (await attempts.of(ref)).read()
    },
    async follow(ref, onHint, signal) {
      const attempt = await attempts.of(ref)
      signal.throwIfAborted()
      const stop = attempt.listen(onHint)
      attempt.resume()
      onHint()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      stop()
    },
    async prompt(ref, message, signal) {
      const attempt = await attempts.of(ref)
      await attempt.prompt(message, signal)
      onCall?.({ operation: 'resumeRun', outcome: 'ok', ms: 0 })
    },
    async findTurn(ref, { turn }) {
      return (await attempts.of(ref)).turnSeen(turn)
    },
    async cancel(ref) {
      await (await attempts.of(ref)).cancel()
    },
    async logs(ref, limit) {
      return (await attempts.of(ref)).logs(limit)
    },
    async check(ref, { turn, check }, signal) {
      return (await attempts.of(ref)).check(turn, check, signal)
    },
    async collect(ref, turn, signal) {
      return (await attempts.of(ref)).collect(turn, signal)
    },
    release: (key) => attempts.release(key),
    close: () => attempts.close(),
  }
  return steer ? { ...backend, steer: async (ref, { text }) => (await attempts.of(ref)).steer(text) } : backend
}

/** The attempts of one agent that this process has to do with. */
class Attempts {
  readonly #agent: LocalAgent
  readonly #machine: LocalMachine
  readonly #attempts = new Map<string, Promise<LocalAttempt>>()
  readonly #releasing = new Set<Promise<void>>()

  constructor(agent: LocalAgent, machine: LocalMachine) {
    this.#agent = agent
    this.#machine = machine
  }

  get(key: AttemptKey): Promise<LocalAttempt> {
    const name = formatKey(key)
    let attempt = this.#attempts.get(name)
    if (attempt === undefined) {
      attempt = this.#open(key)
      this.#attempts.set(name, attempt)
      attempt.catch(() => this.#attempts.delete(name))
    }
    return attempt
  }

  /** Throws BackendError for a ref that is not of these. */
  of(ref: AgentRunRef): Promise<LocalAttempt> {
    const [run = '', task = '', attempt = ''] = ref.id.split('/')
    if (ref.backend === this.#agent.id && /^\d+$/.test(attempt))
      return this.get({ run, task, attempt: Number(attempt) })
    const message = `'${ref.id}' is not an agent run of ${this.#agent.id}.`
    return Promise.reject(new BackendError(message, { kind: 'not-found', retryable: false, certain: true }))
  }

  release(key: AttemptKey): void {
    const releasing = this.get(key)
      .then(async (attempt) => {
        if (attempt.known !== undefined) await attempt.release()
        if (attempt.isOver) this.#attempts.delete(formatKey(key))
      })
      .catch(() => {})
      .finally(() => this.#releasing.delete(releasing))
    this.#releasing.add(releasing)
  }

  async close(): Promise<void> {
    await Promise.all(this.#releasing)
    const attempts = await Promise.allSettled(this.#attempts.values())
    await Promise.all(attempts.map((opened) => (opened.status === 'fulfilled' ? opened.value.interrupt() : undefined)))
  }

  async #open(key: AttemptKey): Promise<LocalAttempt> {
    // Nothing of an earlier process may still be at work when its attempt is looked at.
    await this.#machine.owner()
    return new LocalAttempt(key, this.#agent, this.#machine, await this.#machine.notes(key))
  }
}

function refOf(backend: string, attempt: LocalAttempt): AgentRunRef {
  const { known, key } = attempt
  const branch = known?.worktree?.branch
  return {
    backend,
    id: formatKey(key),
    ...(known === undefined ? {} : { createdAt: known.createdAt }),
    ...(branch === undefined ? {} : { extra: { branch, base: known?.worktree?.base ?? '' } }),
  }
}
