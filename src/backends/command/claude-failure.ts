import type { EndFailure } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { oneLine } from './bounds.ts'
import { asAmount, asText } from './json-line.ts'
import type { TurnFact } from './turn-fact.ts'

/** Past this a provider's pause is ours to wait out: nothing is gained by a process that sleeps. */
const LONGEST_PAUSE_MS = 60_000
/** A reset further ahead than this is not believed. */
const LONGEST_LIMIT_MS = 8 * 24 * 60 * 60 * 1_000

/** What the evidence says of a turn that failed. */
export interface ClaudeEvidence {
  /** The HTTP status that its provider answered last. */
  readonly status: number | undefined
  /** Claude Code's own word for it: `rate_limit`, `authentication_failed`, ... */
  readonly trouble: string | undefined
  readonly subtype: string | undefined
  readonly message: string
  readonly notBefore: number | undefined
}

/** Why a turn failed, by statuses and words of the program, never by what the model said. */
export function claudeFailure({ status, trouble, subtype, message, notBefore }: ClaudeEvidence): EndFailure {
  const said = message === '' ? 'It says no reason.' : message
  if (status === 401 || status === 403 || trouble === 'authentication_failed' || trouble === 'oauth_org_not_allowed') {
    const advice = "Run 'claude' once to log in, or set ANTHROPIC_API_KEY"
    return { kind: 'auth', message: `Claude Code is not let in: ${said} ${advice}.`, retryable: false }
  }
  if (status === 402 || trouble === 'billing_error') {
    return { kind: 'quota', message: `Claude Code's account cannot pay: ${said}`, retryable: false }
  }
  if (status === 429 || trouble === 'rate_limit') {
    const message = `Claude Code's provider allows no more calls now: ${said}`
    return { kind: 'limit', message, retryable: true, ...(notBefore === undefined ? {} : { notBefore }) }
  }
  if (status === 400 || status === 404 || status === 413 || trouble === 'invalid_request') {
    return { kind: 'invalid', message: `Claude Code's provider refused the request: ${said}`, retryable: false }
  }
  // Only a provider's failure ends a turn as a 'success' with an error; without a status it could not be reached.
  if (status !== undefined || subtype === 'success') {
    return { kind: 'unreachable', message: `Claude Code's provider failed: ${said}`, retryable: true }
  }
  return { kind: 'agent-failed', message: `Claude Code failed (${subtype ?? 'no reason'}): ${said}`, retryable: true }
}

/** What the provider lets it wait for, and until when. */
export class ClaudeLimits {
  /** When a limit that was met is over, as far as numbers said so. */
  until: number | undefined
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A call that failed and is tried again after a pause. */
  retry(line: Readonly<Record<string, unknown>>): readonly TurnFact[] {
    const status = asAmount(line['error_status'])
    const trouble = asText(line['error'])
    const pauseMs = asAmount(line['retry_delay_ms']) ?? 0
    const message = oneLine(`${trouble ?? 'trouble'}${status === undefined ? '' : ` (${status})`}`)
    const evidence = { status, trouble, subtype: 'success', message: `${message}.`, notBefore: undefined }
    // A key does not become right by waiting.
    if (status === 401 || trouble === 'authentication_failed') return [ends(claudeFailure(evidence))]
    if (status !== 429 && trouble !== 'rate_limit') {
      return [
        { kind: 'saw', observation: { kind: 'note', text: `Its provider failed and is asked again: ${message}` } },
      ]
    }
    const until = this.#clock.now() + Math.ceil(pauseMs)
    this.until = Math.max(until, this.until ?? 0)
    const saw: TurnFact = { kind: 'saw', observation: { kind: 'limit', until, message } }
    return pauseMs <= LONGEST_PAUSE_MS ? [saw] : [saw, ends(claudeFailure({ ...evidence, notBefore: until }))]
  }

  /** What a subscription's limits are at. */
  event(info: Readonly<Record<string, unknown>> | undefined): readonly TurnFact[] {
    if (info?.['status'] !== 'rejected') return []
    const resetsAt = asAmount(info['resetsAt'])
    const until = resetsAt === undefined ? undefined : resetsAt * 1_000
    const now = this.#clock.now()
    const believed = until !== undefined && until > now && until < now + LONGEST_LIMIT_MS ? until : undefined
    if (believed !== undefined) this.until = believed
    const message = oneLine(`its usage limit is reached (${asText(info['rateLimitType']) ?? 'of no known kind'})`)
    return [
      { kind: 'saw', observation: { kind: 'limit', message, ...(believed === undefined ? {} : { until: believed }) } },
    ]
  }
}

function ends(failure: EndFailure): TurnFact {
  return { kind: 'failure', failure, endsIt: true }
}
