import type { Limiter } from '../../src/domain/limiter.ts'
import type { RateLimit } from '../../src/domain/workflow.ts'

/** A call that went through a {@link PassThroughLimiter}. */
export interface PassedCall {
  readonly buckets: readonly string[]
  readonly holder: string | undefined
}

/** A limiter that lets everything pass at once and remembers what it was told. */
export interface PassThroughLimiter extends Limiter {
  readonly calls: readonly PassedCall[]
  /** `[name, owner, limit]` in the order declared. */
  readonly declared: readonly (readonly [string, string, RateLimit])[]
}

/** A limiter without limits; `room` says how many places its buckets claim to have. */
export function createPassThroughLimiter(
  room: Limiter['room'] = () => ({ free: 60, nextAt: null }),
): PassThroughLimiter {
  const calls: PassedCall[] = []
  const declared: (readonly [string, string, RateLimit])[] = []
  return {
    calls,
    declared,
    setCap() {},
    setHeadroom() {},
    setBucket: (name, owner, limit) => {
      declared.push([name, owner, limit])
    },
    dropOwner() {},
    acquire: async () => {},
    adopt() {},
    release() {},
    isTroubled: () => false,
    call: async (buckets, send, signal, holder) => {
      signal.throwIfAborted()
      calls.push({ buckets, holder })
      return send()
    },
    room,
    pauseRun() {},
    continueRun() {},
    closeAccount() {},
    openAccount() {},
    waiting: () => undefined,
    view: () => ({}),
    close: async () => {},
  }
}
