import type { RunContext } from '../../src/actors/run-context.ts'
import type { AgentRunRef, Backend } from '../../src/domain/backend.ts'
import type { Effect } from '../../src/domain/effect.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../support/pass-through-limiter.ts'

/** A run of whose context everything that an effect said is kept. */
export interface ScriptedContext extends RunContext {
  readonly clock: VirtualClock
  /** `[code, message, task]` */
  readonly alerts: (readonly [string, string, string | undefined])[]
  readonly said: JsonObject[]
  readonly doubles: AgentRunRef[]
  /** `[task, kind]` */
  readonly blocked: (readonly [string, string])[]
  /** Texts by the name under which they were kept. */
  readonly kept: Map<string, string>
}

/** The context of a run whose backend is `backend`; `rest` replaces what it says. */
export function scriptedContext(backend: Backend, rest: Partial<Omit<RunContext, 'clock'>> = {}): ScriptedContext {
  const clock = createVirtualClock(0)
  const kept = new Map<string, string>()
  const said: JsonObject[] = []
  const alerts: (readonly [string, string, string | undefined])[] = []
  const doubles: AgentRunRef[] = []
  const blocked: (readonly [string, string])[] = []
  return {
    run: 'run_1',
    clock,
    limiter: createPassThroughLimiter(),
    seed: 1,
    reportEveryMs: 300_000,
    alerts,
    said,
    doubles,
    blocked,
    kept,
    backendOf: () => backend,
    slots: (task, attempt) => ({
      holder: `run_1/${task}/${attempt}`,
      run: 'run_1',
      caps: ['run:run_1'],
      account: backend.account,
      buckets: backend.createBuckets,
      priority: 'normal',
      remaining: 0,
    }),
    graceMs: () => backend.graceMs,
    reserveBudget: () => undefined,
    pauseForBudget: () => true,
    searchSince: () => undefined,
    searched: () => {},
    blockAccount: (task, failure) => void blocked.push([task, failure.kind]),
    order: async (task, attempt) => ({ key: { run: 'run_1', task, attempt }, prompt: `Do ${task}` }),
    checkDecision: () => ({ kind: 'refused', problems: [] }),
    turnText: async ({ turn }) => `turn ${turn}`,
    news: (toldUpTo) => ({ upTo: toldUpTo, changed: false, final: false }),
    newsChanged: () => new Promise(() => {}),
    stuckAfterMs: () => 900_000,
    checkOf: () => undefined,
    checkOutput: () => undefined,
    keepResult: async (task, attempt, turn, text) => {
      const name = `results/${task}/${attempt}.${turn}`
      kept.set(name, text)
      return name
    },
    signOfLife: () => {},
    progress: (_task, _attempt, data) => void said.push(data),
    alert: (code, message, task) => void alerts.push([code, message, task]),
    reportDouble: (_task, _attempt, ref) => void doubles.push(ref),
    ...rest,
  }
}

/** An effect under way. */
export interface Started<Output> {
  /** What it came to; undefined while it goes on. */
  outcome(): { readonly output: Output } | { readonly error: unknown } | undefined
  abort(): void
}

/** Starts an effect as the host does. */
export function start<Input, Output>(
  effect: Effect<Input, Output>,
  input: Input,
  restarted: boolean = false,
): Started<Output> {
  const stop = new AbortController()
  let outcome: ReturnType<Started<Output>['outcome']>
  effect(input, { signal: stop.signal, restarted }).then(
    (output) => {
      outcome = { output }
    },
    (error: unknown) => {
      outcome = { error }
    },
  )
  return { outcome: () => outcome, abort: () => stop.abort(new Error('The state was left')) }
}
