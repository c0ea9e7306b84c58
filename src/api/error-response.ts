import { ApiError, errorBody, httpStatusOf } from './errors.ts'

/** The answer that an error stands for: `{code, message, details}` with its status, and nothing of troupe's inside. */
export function errorResponse(error: unknown): Response {
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-store' })
  if (error instanceof ApiError) {
    const { allow, retryAfter } = error.details
    if (typeof retryAfter === 'number') headers.set('retry-after', String(retryAfter))
    if (Array.isArray(allow)) headers.set('allow', allow.join(', '))
    if (error.code === 'upgrade-required') headers.set('upgrade', 'websocket')
  }
  return new Response(JSON.stringify(errorBody(error)), { status: httpStatusOf(error), headers })
}
