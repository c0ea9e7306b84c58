/** How a check reads, for people and agents. */
import type { Failure } from '../domain/backend.ts'
import { commandText } from '../domain/command-text.ts'
import type { FailedCheck } from './effects.ts'
import { explainFailure } from './explain-failure.ts'

/** Of the end of a check's output, so much stands in the failure of the attempt: lines, and characters. */
const LAST_LINES = 12
const MOST_SAID = 600

/** How a check ended: its exit code, or what else was wrong. */
export function checkEnd({ exitCode, trouble }: Pick<FailedCheck, 'exitCode' | 'trouble'>): string {
  return trouble ?? (exitCode === null ? 'it was stopped by a signal' : `exit code ${exitCode}`)
}

/** The failure of an attempt whose work does not pass its check, after its agent was told so `mends` times. */
export function checkFailure(failing: FailedCheck, mends: number): Failure {
  const said = failing.output.trim().split('\n').slice(-LAST_LINES).join('\n').slice(-MOST_SAID)
  const how = `The check failed: ${commandText(failing.command)} (${checkEnd(failing)})`
  const times = mends === 0 ? '' : `, also after its agent was told so ${mends === 1 ? 'once' : `${mends} times`}`
  return explainFailure({
    kind: 'check-failed',
    message: `${how}${times}.${said === '' ? ' It printed nothing.' : ` It printed at its end:\n${said}`}`,
    retryable: true,
    certain: true,
  })
}
