/** Identity of one attempt: never a content hash, never reused within a run. */
export interface AttemptKey {
  readonly run: string
  /** Canonical task id: `spec`, `execute[0]`, or `manager`. */
  readonly task: string
  /** Counted from 1. */
  readonly attempt: number
}

export const MANAGER = 'manager'
export const SUPERVISOR = 'supervisor'

const TASK = '[A-Za-z][A-Za-z0-9_-]{0,63}'
const CANONICAL = new RegExp(`^${TASK}(\\[\\d{1,6}\\])*$`)
const PORTABLE = new RegExp(`^(${TASK})((?:\\.\\d{1,6})*)$`)
const MARK = new RegExp(`\\[troupe:(run_[0-9A-Za-z]+)/(${TASK}(?:\\[\\d{1,6}\\])*)/(\\d+)/(\\d+)\\]`, 'g')

/** What a task of a workflow file may be called. */
export const TASK_ID = new RegExp(`^${TASK}$`)

/** Ids that belong to actors of troupe itself. */
export const RESERVED_IDS: readonly string[] = [MANAGER, SUPERVISOR]

/** The canonical form of a task id as a person may type it (`execute.0` is `execute[0]`), or undefined if it is none. */
export function parseTaskId(text: string): string | undefined {
  if (CANONICAL.test(text)) return text
  const match = PORTABLE.exec(text)
  return match ? `${match[1]}${(match[2] ?? '').replace(/\.(\d+)/g, '[$1]')}` : undefined
}

/** The form of a task id for branches, file names and shells: `execute[0]` is `execute.0`. */
export function portableTaskId(task: string): string {
  return task.replace(/\[(\d+)\]/g, '.$1')
}

/** The id of the item at `index` of a `forEach` task. */
export function itemId(task: string, index: number): string {
  return `${task}[${index}]`
}

/** `RUN/TASK/ATTEMPT`: how an attempt is named in limits, logs and the stand-in's counts. */
export function formatKey(key: AttemptKey): string {
  return `${key.run}/${key.task}/${key.attempt}`
}

/** The last line of every prompt; it makes creations and turns findable in a backend's logs. */
export function formatMark(key: AttemptKey, turn: number): string {
  return `[troupe:${formatKey(key)}/${turn}]`
}

/** The last mark in a text, or undefined. */
export function findMark(text: string): { key: AttemptKey; turn: number } | undefined {
  let last: { key: AttemptKey; turn: number } | undefined
  for (const match of text.matchAll(MARK)) {
    const [, run = '', task = '', attempt = '', turn = ''] = match
    last = { key: { run, task, attempt: Number(attempt) }, turn: Number(turn) }
  }
  return last
}

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz'

/** A run id that sorts by time: `run_` + 10 characters of `now` (ms) + 8 of `random` (each call gives 0 <= x < 1). */
export function createRunId(now: number, random: () => number): string {
  let time = ''
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = BASE32.charAt(rest % 32) + time
  let tail = ''
  for (let i = 0; i < 8; i++) tail += BASE32.charAt(Math.floor(random() * 32))
  return `run_${time}${tail}`
}

/** Whether a text has the form of a run id. */
export function isRunId(text: string): boolean {
  return /^run_[0-9A-Za-z]{1,40}$/.test(text)
}
