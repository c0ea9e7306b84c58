import type { RateLimit } from '../domain/workflow.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST = 365 * 86_400_000

/** What a duration looks like in a workflow file. */
export const DURATION = /^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/

/** How a duration is written, for messages. */
export const DURATION_HINT = 'write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)'

/** `250ms`, `2s`, `45m`, `4h`, `1d` in whole ms; undefined when the text is none of these or longer than a year. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined
  const number = Number.parseFloat(text)
  const ms = Math.round(number * (UNITS[text.replace(/^[\d.]+/, '')] ?? Number.NaN))
  return ms <= LONGEST ? ms : undefined
}

/** What a rate limit looks like. */
export const RATE_LIMIT = /^(?:none|[1-9]\d{0,6}\/\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d))$/

/** `10/1m` or `none`; undefined when the text is neither. */
export function parseRateLimit(text: string): RateLimit | undefined {
  if (text === 'none') return 'none'
  if (!RATE_LIMIT.test(text)) return undefined
  const [max = '', window = ''] = text.split('/')
  const windowMs = parseDuration(window)
  return windowMs === undefined || windowMs === 0 ? undefined : { max: Number(max), windowMs }
}
