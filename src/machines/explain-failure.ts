import type { Failure } from '../domain/backend.ts'
import { FAILURE_TABLE, type FailureRow } from './failure-table.ts'

/** Where no row fits, as for what a later version of a backend says. */
const UNKNOWN: FailureRow = { retryable: false, why: 'It failed in a way that is not known.' }

/** What is looked at of a log, characters from its end. */
const SEARCHED = 65_536
/** How far from each other the parts of what a log says may stand. */
const NEAR = 80

/** A backend's word for a status, as the table has it: `timed-out` is `TIMED_OUT`. */
export function normaliseStatus(raw: string | null): string {
  return (raw ?? '')
    .trim()
    .slice(0, 60)
    .toUpperCase()
    .replace(/[\s-]+/g, '_')
}

/**
 * A failure with what the table says of it. `log` is what an agent wrote: it can make a failure not retryable, never the other way
 * round. It costs time in proportion to the log, whatever that holds.
 */
export function explainFailure(failure: Failure, log = ''): Failure {
  const row = FAILURE_TABLE.find((candidate) => candidate.log === undefined && fits(candidate, failure)) ?? UNKNOWN
  const isRetryable = failure.retryable && row.retryable
  const text = log.slice(-SEARCHED).toLowerCase()
  const said = text === '' ? undefined : FAILURE_TABLE.find(({ log: signs }) => signs?.some((sign) => says(text, sign)))
  const tells = said !== undefined && (isRetryable || !said.retryable) ? said : undefined
  const advice = [...new Set([row.advice, tells?.advice])].filter((part) => part !== undefined).join(' ')
  return {
    ...failure,
    retryable: isRetryable && (tells?.retryable ?? true),
    why: tells === undefined ? row.why : `${row.why} ${tells.why}`,
    ...(advice === '' ? {} : { advice }),
  }
}

function fits({ status, kind, http }: FailureRow, failure: Failure): boolean {
  if (status !== undefined && !status.includes(failure.agentStatus ?? '')) return false
  if (kind !== undefined && !kind.includes(failure.kind)) return false
  return http === undefined || http.some((code) => isCode(code, failure.httpStatus))
}

function isCode(code: number | '3xx' | '5xx', given: number | undefined): boolean {
  if (given === undefined) return false
  return typeof code === 'number' ? code === given : Number(code.charAt(0)) === Math.floor(given / 100)
}

/** Whether the parts stand near to each other on one line. Each place is looked at once, and only so far around. */
function says(text: string, [first = '', ...rest]: readonly string[]): boolean {
  for (let at = text.indexOf(first); at >= 0; at = text.indexOf(first, at + first.length)) {
    const from = at + first.length
    const near = text.slice(from, from + NEAR).split('\n', 1)[0] ?? ''
    if (rest.every((part) => near.includes(part))) return true
  }
  return false
}
