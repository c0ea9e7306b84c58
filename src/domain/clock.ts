/** A handle of {@link Clock.setTimeout}. */
export type TimerHandle = object | number

/** The only source of time. Real in production, virtual in tests, benchmarks and forecasts. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number
  setTimeout(fn: () => void, ms: number): TimerHandle
  clearTimeout(handle: TimerHandle): void
  /**
   * Registers one real operation (a file call, a real socket) from call to settle; virtual time stands still meanwhile.
   * Never wrap anything that itself sleeps on the clock.
   */
  operation<T>(work: Promise<T>): Promise<T>
}

/** Resolves after `ms` on `clock`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clock.clearTimeout(handle)
      reject(signal?.reason)
    }
    const handle = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
