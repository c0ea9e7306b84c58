import type { AgentRunRef, Failure } from '../../src/domain/backend.ts'
import type { WatchOutput } from '../../src/machines/effects.ts'

/** An effect's answer as the machine receives it. */
export interface EffectEvent {
  readonly type: string
  readonly actorId: string
  readonly output?: unknown
  readonly error?: unknown
}

/** The answer of the effect that is invoked as `id`. */
export function done(id: string, output: unknown): EffectEvent {
  return { type: `xstate.done.actor.${id}`, actorId: id, output }
}

/** The failure of the effect that is invoked as `id`. */
export function failed(id: string, kind: Failure['kind'], rest: Partial<Failure> = {}): EffectEvent {
  const failure: Failure = { kind, message: `${id}: ${kind}`, retryable: true, certain: true, ...rest }
  return { type: `xstate.error.actor.${id}`, actorId: id, error: failure }
}

/** Two agent runs at a backend. */
export const REF: AgentRunRef = { backend: 'scripted', id: '1', url: 'https://agents.invalid/1' }
export const FOUND: AgentRunRef = { backend: 'scripted', id: '2', url: 'https://agents.invalid/2' }

const watched = (kind: WatchOutput['kind']) => done('watch', { kind, rawStatus: kind.toUpperCase() })
const HOPELESS = { retryable: false, certain: true } as const

/** Every way in which the effects that agents and managers share end. */
export const effectEvents = {
  slots: { done: done('slots', { at: Date.UTC(2026, 0, 1) }), error: failed('slots', 'internal', HOPELESS) },
  create: {
    done: done('create', REF),
    uncertain: failed('create', 'unknown-outcome', { certain: false }),
    uncertainLimit: failed('create', 'limit', { certain: false }),
    refused: failed('create', 'refused', HOPELESS),
  },
  /** Certainly nothing was created, and it is tried again without a lost attempt. */
  putBack: {
    limit: failed('create', 'limit', { notBefore: Date.UTC(2026, 0, 1, 0, 1) }),
    unreachable: failed('create', 'unreachable'),
    timeout: failed('create', 'timeout'),
  },
  blocked: { quota: failed('create', 'quota', HOPELESS), auth: failed('create', 'auth', HOPELESS) },
  reconcile: {
    found: done('reconcile', { kind: 'found', ref: FOUND }),
    absent: done('reconcile', { kind: 'absent' }),
    unknown: done('reconcile', { kind: 'unknown', reason: 'the list cannot be read' }),
    error: failed('reconcile', 'internal', HOPELESS),
  },
  watch: {
    complete: watched('complete'),
    failed: watched('failed'),
    cancelled: watched('cancelled'),
    gone: watched('gone'),
    paused: watched('paused'),
    active: watched('active'),
    error: failed('watch', 'internal', HOPELESS),
  },
  report: {
    done: done('report', { result: 'the result', output: { n: 1 }, pullRequests: [], url: REF.url }),
    reported: failed('report', 'reported'),
    error: failed('report', 'internal', HOPELESS),
  },
  diagnose: {
    retryable: done('diagnose', failed('', 'agent-failed').error),
    hopeless: done('diagnose', failed('', 'agent-failed', HOPELESS).error),
    error: failed('diagnose', 'internal', HOPELESS),
  },
  settle: {
    stopped: done('settle', { note: 'Stopped it', ref: REF, stillRunning: false }),
    stillRunning: done('settle', { note: 'It goes on', ref: REF, stillRunning: true }),
    error: failed('settle', 'internal', HOPELESS),
  },
} as const
