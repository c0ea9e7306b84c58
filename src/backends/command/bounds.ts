import { plainText } from '../local/last-output.ts'

/** Of an answer, its end is kept: the report stands there. */
const LONGEST_ANSWER = 4 * 1024 * 1024
const LONGEST_OBSERVATION = 4_000
const LONGEST_MESSAGE = 1_000
const LONGEST_SESSION = 200

/** What an agent was seen to say or do, as it is kept in a log. */
export function observed(text: string): string {
  return cut(text, LONGEST_OBSERVATION)
}

/** A reason, in one line without control characters. */
export function oneLine(text: string): string {
  return cut(
    plainText(cut(text, 4 * LONGEST_MESSAGE))
      .replace(/\s+/g, ' ')
      .trim(),
    LONGEST_MESSAGE,
  )
}

/** The end of an answer. */
export function answerEnd(text: string): string {
  return text.length <= LONGEST_ANSWER ? text : text.slice(-LONGEST_ANSWER)
}

/** A session's id that can be given to a process as an argument; undefined where it cannot. */
export function sessionId(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > LONGEST_SESSION) return undefined
  return /^[\w][\w.:@/+=-]*$/.test(value) ? value : undefined
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
