import type { EndFailure } from '../../domain/backend.ts'
import { oneLine } from './bounds.ts'
import { limitEnd } from './limit-end.ts'

/**
 * Why a turn of Codex failed. Its `turn.failed` has nothing but a message; that is the program's own, never the model's, and none of its
 * forms is more than a hint: what is not known is an agent that failed, and tried again.
 */
export function codexFailure(message: string, now: number): EndFailure {
  const said = message === '' ? 'It says no reason.' : oneLine(message)
  const status = Number(/\bstatus:? (\d{3})\b/.exec(message)?.[1] ?? Number.NaN)
  if (/usage limit|rate limit/i.test(message) || status === 429) {
    const notBefore = limitEnd(message, now)
    const failure = {
      kind: 'limit',
      message: `Codex's provider allows no more calls now: ${said}`,
      retryable: true,
    } as const
    return notBefore === undefined ? failure : { ...failure, notBefore }
  }
  const missing = /^Missing environment variable: `?(\w+)`?/i.exec(message)?.[1]
  if (missing !== undefined) {
    const advice = `Set it, and name it for troupe, which passes on nothing else: env: [${missing}] of agents.command.codex in troupe.config.yaml`
    return { kind: 'auth', message: `Codex is not let in: ${said} ${advice}.`, retryable: false }
  }
  if (status === 401 || status === 403 || /not logged in|refresh token|log in again/i.test(message)) {
    const advice = "Run 'codex login' once, or set CODEX_API_KEY"
    return { kind: 'auth', message: `Codex is not let in: ${said} ${advice}.`, retryable: false }
  }
  if (status === 402 || /quota exceeded|out of credits/i.test(message)) {
    return { kind: 'quota', message: `Codex's account cannot pay: ${said}`, retryable: false }
  }
  if (status === 400 || status === 404 || status === 413 || /context window/i.test(message)) {
    return { kind: 'invalid', message: `Codex's provider refused the request: ${said}`, retryable: false }
  }
  if (
    status >= 500 ||
    /stream disconnected|connection failed|high demand|error sending request|timed? ?out/i.test(message)
  ) {
    return { kind: 'unreachable', message: `Codex's provider failed: ${said}`, retryable: true }
  }
  return { kind: 'agent-failed', message: `Codex failed: ${said}`, retryable: true }
}
