// Also runs in browsers: no library and nothing of Node may be imported here.
import { UsageError } from '../domain/errors.ts'

/** What a cursor stands for: how far each run was seen and, of all runs, which was the newest. */
export interface CursorPosition {
  readonly seqs: ReadonlyMap<string, number>
  readonly newest?: string
}

const VERSION = 'c1'
const SEQ = /^\d{1,15}$/

/** The opaque text of a position; the same position gives the same text whatever the order of its runs. */
export function formatCursor({ seqs, newest }: CursorPosition): string {
  const runs = [...seqs.keys()].sort()
  const places = runs.map((run) => `,${encodeURIComponent(run)}:${seqs.get(run)}`)
  return `${VERSION},${encodeURIComponent(newest ?? '')}${places.join('')}`
}

/** The cursor of one run, after its record `seq`. */
export function cursorAfter(run: string, seq: number): string {
  return `${VERSION},,${encodeURIComponent(run)}:${seq}`
}

/** The position of a cursor. Throws UsageError for a text that is none. */
export function parseCursor(text: string): CursorPosition {
  const [version, newest, ...places] = text.split(',')
  if (version !== VERSION || newest === undefined) throw notACursor()
  const seqs = new Map<string, number>()
  for (const place of places) {
    const [run = '', seq = '', ...more] = place.split(':')
    if (run === '' || !SEQ.test(seq) || more.length > 0) throw notACursor()
    seqs.set(decoded(run), Number(seq))
  }
  return { seqs, ...(newest === '' ? {} : { newest: decoded(newest) }) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw notACursor()
  }
}

function notACursor(): UsageError {
  return new UsageError(`'after' must be start, now or the cursor that came last.`)
}
