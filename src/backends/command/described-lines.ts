import type { JsonLines, LineFailure, LineRule } from '../../domain/agent-description.ts'
import type { EndFailure } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { observed, oneLine, sessionId } from './bounds.ts'
import { objectOf } from './json-line.ts'
import { fits, sumAt, textAt, valuesAt } from './line-values.ts'
import type { LineReader, TurnFact } from './turn-fact.ts'

/** What is not worth trying again before somebody has done something. */
const LASTING = new Set<EndFailure['kind']>(['auth', 'quota', 'refused', 'invalid', 'not-found'])

/** All that it prints is its answer. */
export function textReader(): LineReader {
  let isFirst = true
  return (line) => {
    const text = isFirst ? line : `\n${line}`
    isFirst = false
    const said: TurnFact = { kind: 'text', text, replaces: false }
    return line.trim() === '' ? [said] : [said, { kind: 'saw', observation: { kind: 'text', text: observed(line) } }]
  }
}

/** Reads lines of JSON as the rules of a description say. */
export function ruledReader({ lines }: JsonLines, clock: Clock): LineReader {
  return (line) => {
    const said = objectOf(line)
    if (said === undefined) return []
    return lines.filter((rule) => fits(said, rule.when)).flatMap((rule) => readBy(rule, said, clock.now()))
  }
}

function readBy(rule: LineRule, line: unknown, now: number): readonly TurnFact[] {
  return [
    ...sessionBy(rule, line),
    ...textBy(rule, line),
    ...seenBy(rule, line),
    ...usageBy(rule, line),
    ...limitBy(rule, line, now),
    ...endBy(rule, line),
  ]
}

function sessionBy({ session }: LineRule, line: unknown): readonly TurnFact[] {
  const id = session === undefined ? undefined : sessionId(textAt(line, session))
  return id === undefined ? [] : [{ kind: 'session', id }]
}

function textBy({ text: rule }: LineRule, line: unknown): readonly TurnFact[] {
  const text = rule === undefined ? undefined : textAt(line, rule.path)
  if (text === undefined) return []
  const saw: TurnFact = { kind: 'saw', observation: { kind: 'text', text: observed(text) } }
  return [{ kind: 'text', text, replaces: rule?.replaces === true }, saw]
}

function seenBy({ progress, tool, denied }: LineRule, line: unknown): readonly TurnFact[] {
  const facts: TurnFact[] = []
  const note = progress === undefined ? undefined : textAt(line, progress)
  if (note !== undefined) facts.push({ kind: 'saw', observation: { kind: 'note', text: observed(note) } })
  if (tool !== undefined) {
    const id = observed((tool.id === undefined ? undefined : textAt(line, tool.id)) ?? '')
    const title = observed(textAt(line, tool.title) ?? 'a tool')
    facts.push({ kind: 'saw', observation: { kind: 'tool', id, title, status: tool.status } })
  }
  const refused = denied === undefined ? [] : valuesAt(line, denied)
  for (const value of refused) {
    const what = oneLine(typeof value === 'string' ? value : JSON.stringify(value))
    facts.push({ kind: 'saw', observation: { kind: 'denied', what } })
  }
  return facts
}

function usageBy({ usage }: LineRule, line: unknown): readonly TurnFact[] {
  if (usage === undefined) return []
  const tokens = sumAt(line, usage.tokens ?? [])
  const cost = usage.cost === undefined ? undefined : sumAt(line, [usage.cost])
  if (tokens === undefined && cost === undefined) return []
  const said = { ...(tokens === undefined ? {} : { tokens }), ...(cost === undefined ? {} : { cost }) }
  return [{ kind: 'usage', of: usage.of, ...said }]
}

/** A limit, a failure, or both: then it failed because of the limit. */
function limitBy({ limit, failure }: LineRule, line: unknown, now: number): readonly TurnFact[] {
  const facts: TurnFact[] = []
  const until = limit === undefined ? undefined : limitEndAt(limit, line, now)
  if (limit !== undefined) {
    const message = oneLine(
      (limit.message === undefined ? undefined : textAt(line, limit.message)) ?? 'its provider lets it wait',
    )
    facts.push({ kind: 'saw', observation: { kind: 'limit', message, ...(until === undefined ? {} : { until }) } })
  }
  if (failure !== undefined) {
    const why = failureBy(failure, limit === undefined ? 'agent-failed' : 'limit', line)
    const whole = until === undefined ? why : { ...why, notBefore: until }
    facts.push({ kind: 'failure', failure: whole, endsIt: failure.endsIt === true })
  }
  return facts
}

function limitEndAt(limit: NonNullable<LineRule['limit']>, line: unknown, now: number): number | undefined {
  const seconds = limit.seconds === undefined ? undefined : Number(textAt(line, limit.seconds))
  const time = limit.time === undefined ? undefined : timeOf(valuesAt(line, limit.time)[0])
  const until = time ?? (seconds === undefined ? undefined : now + seconds * 1_000)
  return until !== undefined && Number.isFinite(until) && until > now ? until : undefined
}

/** Seconds since 1970 have ten digits, milliseconds thirteen. */
function timeOf(value: unknown): number | undefined {
  const number = typeof value === 'number' ? value : /^\d+(\.\d+)?$/.test(String(value)) ? Number(value) : undefined
  if (number !== undefined) return number < 1e11 ? number * 1_000 : number
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

function failureBy(failure: LineFailure, fallback: EndFailure['kind'], line: unknown): EndFailure {
  const kind = failure.kind ?? fallback
  const said = failure.message === undefined ? undefined : textAt(line, failure.message)
  const message = oneLine(said ?? 'It says no reason.')
  return { kind, message: `The agent failed: ${message}`, retryable: failure.retryable ?? !LASTING.has(kind) }
}

function endBy({ end }: LineRule, line: unknown): readonly TurnFact[] {
  if (end === undefined) return []
  const reason = end === true ? undefined : textAt(line, end.reason)
  return [{ kind: 'end', reason: observed(reason ?? 'ended') }]
}
