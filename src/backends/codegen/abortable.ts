import type { Clock } from '../../domain/clock.ts'

/** The outcome of `work`, or a rejection with the signal's reason as soon as it is aborted; a late outcome is dropped. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    const done = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).then(done, done)
  })
}

/**
 * One answer for all who ask. The first to ask starts the call, which ends only with `closed`; who aborts stops waiting,
 * nobody else does. A failure reaches those who wait and is forgotten, so that the next one asks again.
 */
export function shareAnswer<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  closed: AbortSignal,
): (signal: AbortSignal) => Promise<T> {
  let answer: Promise<T> | undefined
  return (signal) => {
    if (answer === undefined) {
      const asked = ask(closed)
      asked.catch(() => {
        if (answer === asked) answer = undefined
      })
      answer = asked
    }
    return untilAborted(answer, signal)
  }
}

/** A signal that is aborted with `outer`, or after `ms` on the clock. `clear` when what it bounds is over. */
export function createDeadline(
  clock: Clock,
  ms: number,
  outer: AbortSignal,
): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const onAbort = () => controller.abort(outer.reason)
  if (outer.aborted) onAbort()
  outer.addEventListener('abort', onAbort, { once: true })
  const timer = clock.setTimeout(() => controller.abort(new Error(`No answer within ${ms} ms.`)), ms)
  return {
    signal: controller.signal,
    clear() {
      clock.clearTimeout(timer)
      outer.removeEventListener('abort', onAbort)
    },
  }
}
