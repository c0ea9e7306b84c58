import type { CircuitName } from './account-circuit.ts'
import type { Closure } from './bucket.ts'
import { IN_TRANSIT_MS } from './rate-window.ts'

/** A circuit that is not closed, as it is noted; `openings` 0: it has closed. */
export interface NotedCircuit {
  readonly account: string
  readonly name: CircuitName
  readonly at: number
  readonly until: number
  readonly openings: number
  readonly why: string
}

/** What an earlier process left of one bucket. */
export interface PastBucket {
  readonly bucket: string
  /** When calls that may still count were answered, ascending, ms. */
  readonly answers: readonly number[]
  /** For how long an answer counted, ms. */
  readonly keepMs: number
  readonly closure?: Closure
}

/** A call that was sent: `id` is unique in its file until the file is opened anew. */
interface SentLine {
  readonly s: number
  readonly b: readonly string[]
  readonly t: number
  /** How long its answer counts, ms. */
  readonly w: number
}

/** The answer of call `a` arrived at `t`. */
interface AnswerLine {
  readonly a: number
  readonly t: number
}

/** A call whose answer arrived at `d`, in one line. */
interface DoneLine {
  readonly d: number
  readonly b: readonly string[]
  readonly w: number
}

/** At `t` the bucket `c` was closed until `u`, after `n` refusals in a row. */
interface ClosedLine {
  readonly c: string
  readonly t: number
  readonly u: number
  readonly n: number
}

/** At `t` the circuit `h` of account `o` held creations back until `u`, opened `n` times in a row because of `y`; `n` 0: closed. */
interface CircuitLine {
  readonly o: string
  readonly h: CircuitName
  readonly t: number
  readonly u: number
  readonly n: number
  readonly y: string
}

export type NotebookLine = SentLine | AnswerLine | DoneLine | ClosedLine | CircuitLine

/** First line of each file. */
export const NOTEBOOK_VERSION = 1

/** What still matters of a file. */
export interface Notes {
  /** Calls without an answer, by id. */
  readonly open: ReadonlyMap<number, SentLine>
  readonly done: readonly DoneLine[]
  readonly closed: readonly ClosedLine[]
  readonly circuits: readonly CircuitLine[]
}

/** The version that a file's first line names; undefined when it names none. */
export function readVersion(text: string): number | undefined {
  const first = parseObject(text.slice(0, Math.max(0, text.indexOf('\n'))))
  return typeof first?.['v'] === 'number' ? first['v'] : undefined
}

/** Reads a file's lines; a torn last line and lines that are none of ours are left out, and so is what has expired. */
export function readNotes(text: string, now: number): Notes {
  const open = new Map<number, SentLine>()
  const done: DoneLine[] = []
  const closed = new Map<string, ClosedLine>()
  const circuits = new Map<string, CircuitLine>()
  // What follows the last newline is torn.
  for (const line of text.split('\n').slice(0, -1)) {
    const note = parseLine(line)
    if (note === undefined) continue
    if ('s' in note) open.set(note.s, note)
    else if ('o' in note) circuits.set(`${note.h} ${note.o}`, note)
    else if ('c' in note) closed.set(note.c, note)
    else if ('d' in note) done.push(note)
    else {
      const sent = open.get(note.a)
      open.delete(note.a)
      if (sent !== undefined) done.push({ d: note.t, b: sent.b, w: sent.w })
    }
  }
  return {
    open,
    // A time far in the future was noted before the clock went back: it counts as now.
    done: done
      .map((note) => (note.d > now + IN_TRANSIT_MS ? { ...note, d: now } : note))
      .filter((note) => note.d + note.w >= now),
    closed: [...closed.values()].map((note) => sinceSetBack(note, now)).filter((note) => note.u > now),
    // Also when its time has come: then one creation goes before the others.
    circuits: [...circuits.values()].filter((note) => note.n > 0),
  }
}

/** What was noted before the clock went back holds for as long as it did then, not until the clock is there again. */
function sinceSetBack(note: ClosedLine, now: number): ClosedLine {
  return note.t > now ? { ...note, t: now, u: note.u - (note.t - now) } : note
}

/** Calls that were in flight when the process ended may still be on their way: they count as answered when that is over. */
export function settleOpen(notes: Notes, now: number): Notes {
  const ended = [...notes.open.values()].map(({ b, w }): DoneLine => ({ d: now + IN_TRANSIT_MS, b, w }))
  return { open: new Map(), done: [...notes.done, ...ended], closed: notes.closed, circuits: notes.circuits }
}

/** The text of a file that holds the notes and nothing else. */
export function writeNotes(notes: Notes): string {
  const lines = [{ v: NOTEBOOK_VERSION }, ...notes.closed, ...notes.circuits, ...notes.done, ...notes.open.values()]
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** The line that notes a circuit. */
export function circuitLine({ account, name, at, until, openings, why }: NotedCircuit): NotebookLine {
  return { o: account, h: name, t: at, u: until, n: openings, y: why }
}

/** The circuits of several files that are not closed. */
export function circuitsOf(all: readonly Notes[]): NotedCircuit[] {
  return all.flatMap(({ circuits }) =>
    circuits.map(({ o, h, t, u, n, y }) => ({ account: o, name: h, at: t, until: u, openings: n, why: y })),
  )
}

/** The notes of several files by bucket. */
export function pastOf(all: readonly Notes[]): PastBucket[] {
  const byBucket = new Map<string, { answers: number[]; keepMs: number; closure?: Closure }>()
  const past = (bucket: string) => {
    const known = byBucket.get(bucket) ?? { answers: [], keepMs: 0 }
    byBucket.set(bucket, known)
    return known
  }
  for (const notes of all) {
    for (const { d, b, w } of notes.done) {
      for (const bucket of b) {
        const known = past(bucket)
        known.answers.push(d)
        known.keepMs = Math.max(known.keepMs, w)
      }
    }
    for (const { c, t, u, n } of notes.closed) past(c).closure = { at: t, until: u, step: n }
  }
  return [...byBucket].map(([bucket, known]) => ({
    ...known,
    bucket,
    answers: known.answers.sort((a, b) => a - b),
  }))
}

function parseLine(line: string): NotebookLine | undefined {
  const note = parseObject(line)
  if (note === undefined) return undefined
  const { s, b, t, w, a, d, c, u, n, o, h, y } = note
  if (isNumber(s) && isNames(b) && isNumber(t) && isNumber(w)) return { s, b, t, w }
  if (isNumber(d) && isNames(b) && isNumber(w)) return { d, b, w }
  if (typeof c === 'string' && isNumber(t) && isNumber(u) && isNumber(n)) return { c, t, u, n }
  if (typeof o === 'string' && (h === 'calls' || h === 'ends') && isNumber(t) && isNumber(u) && isNumber(n)) {
    return { o, h, t, u, n, y: typeof y === 'string' ? y : '' }
  }
  if (isNumber(a) && isNumber(t)) return { a, t }
  return undefined
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}
