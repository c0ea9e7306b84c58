import type { Hono } from 'hono'
import type { StandInEnv } from './faults.ts'

/**
 * The app as a `fetch`: it rejects as fetch does when the connection breaks (TypeError) and when the request's signal
 * is aborted (the signal's reason). What an aborted request began is carried out all the same.
 */
export function createInjectedFetch(
  app: Hono<StandInEnv>,
): (input: Request | URL | string, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const request = input instanceof Request && init === undefined ? input : new Request(input, init)
    request.signal.throwIfAborted()
    let isDropped = false
    const drop = () => {
      isDropped = true
    }
    const response = await unlessAborted(Promise.resolve(app.fetch(request, { drop })), request.signal)
    if (isDropped) throw new TypeError('fetch failed', { cause: new Error('The stand-in closed the connection.') })
    return response
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
