import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { JournalRecord } from '../domain/record.ts'
import { realClock } from './clock.ts'
import { errorCode, toDataFolderError } from './folder-trouble.ts'
import { decodeLine, JOURNAL_VERSION, peekSeq } from './journal-line.ts'
import { type LinesRead, readLines } from './line-reader.ts'
import { listSegments, type Segment } from './segment-file.ts'

const NEWLINE = Buffer.from('\n')

/** A line that could not be used. The rest was. */
export interface JournalProblem {
  /** File name of the segment. */
  readonly segment: string
  /** Counted from 1. */
  readonly line: number
  /** What is wrong with it, as the end of a sentence. */
  readonly reason: string
}

/** How the reading of a journal ended. */
export interface JournalReading {
  /** The newest seq in use; damaged lines count as one each, so that no seq is given twice. 0 for an empty journal. */
  readonly lastSeq: number
  readonly problems: readonly JournalProblem[]
  /** The last line, where it is not whole: it was never durable. */
  readonly torn?: { readonly segment: string; readonly bytes: number }
  /** Bytes of the lines beyond `afterSeq`: what the next checkpoint would save. */
  readonly bytes: number
}

/** Settings of {@link readJournal}. */
export interface ReadJournalOptions {
  /** Only records with a greater seq are given. */
  readonly afterSeq?: number
  /** Cuts a torn last line off the file. Only for the folder's holder, before it opens the journal. */
  readonly repair?: boolean
  readonly clock?: Clock
}

/**
 * Calls `onRecord` with each record of a run's folder in order of seq, in bounded memory; it ends the reading by returning
 * false. Damaged lines are skipped and reported. The journal may grow meanwhile. A folder without a journal is an empty one.
 *
 * @throws DataFolderError `newer-format` when a line was written by a newer version; `failed` when the system refuses.
 */
export async function readJournal(
  folder: string,
  onRecord: (record: JournalRecord) => unknown,
  options: ReadJournalOptions = {},
): Promise<JournalReading> {
  const clock = options.clock ?? realClock
  const reader = new JournalReader(folder, options.afterSeq ?? 0, onRecord)
  try {
    const segments = await clock.operation(listSegments(folder))
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1]
      if (next !== undefined && next.firstSeq <= reader.afterSeq + 1) continue
      if (!(await readSegment(reader, segment, next, clock, options.repair === true))) break
    }
  } catch (error) {
    throw toDataFolderError(error, folder, 'Cannot read the journal')
  }
  return reader.reading()
}

/** At most `limit` records with a seq greater than `afterSeq`, in order. Throws as {@link readJournal}. */
export async function readRecords(
  folder: string,
  afterSeq: number,
  limit: number = Infinity,
  clock: Clock = realClock,
): Promise<JournalRecord[]> {
  const records: JournalRecord[] = []
  if (limit <= 0) return records
  await readJournal(folder, (record) => records.push(record) < limit, { afterSeq, clock })
  return records
}

async function readSegment(
  reader: JournalReader,
  segment: Segment,
  next: Segment | undefined,
  clock: Clock,
  repair: boolean,
): Promise<boolean> {
  const path = join(reader.folder, segment.name)
  reader.begin(segment, next)
  try {
    const read = await readLines(path, clock, (line) => reader.take(line))
    const rest = lineOfBadNewline(read)
    const isEnd = rest === undefined ? read.toEnd : reader.take(rest)
    if (rest === undefined && read.tornBytes > 0) reader.endsTorn(read.tornBytes, next)
    if (repair && next === undefined) await clock.operation(settleSegment(path, read, rest !== undefined))
    return isEnd || reader.superseded
  } catch (error) {
    // Deleted between the listing and the reading: the run is being removed.
    if (errorCode(error) === 'ENOENT') return true
    throw error
  }
}

/**
 * The last line, where nothing but its newline is damaged: it was durable, and may have been acted upon. A kill that tears a line
 * leaves nothing behind its checksum.
 */
function lineOfBadNewline({ torn, tornBytes }: LinesRead): Buffer | undefined {
  const line = torn.subarray(0, -1)
  return torn.length === tornBytes && line.length > 0 && decodeLine(line).kind === 'record' ? line : undefined
}

/**
 * Cuts a torn last line off (or mends its newline), and makes the rest durable: a killed holder may have written lines without a sync. What goes on from
 * them (an owed create, a later segment) must not outlive them in a power cut.
 */
async function settleSegment(path: string, { wholeBytes, tornBytes }: LinesRead, isMended: boolean): Promise<void> {
  const file = await open(path, 'r+')
  try {
    if (isMended) await file.write(NEWLINE, 0, 1, wholeBytes + tornBytes - 1)
    else if (tornBytes > 0) await file.truncate(wholeBytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}

class JournalReader {
  readonly folder: string
  readonly afterSeq: number
  /** The rest of the segment was written by a holder that had lost the folder. */
  superseded = false
  private readonly onRecord: (record: JournalRecord) => unknown
  private readonly problems: JournalProblem[] = []
  private torn: { segment: string; bytes: number } | undefined
  private bytes = 0
  private segment = ''
  private line = 0
  private lastSeq = 0
  private lastGood = 0
  private inDoubt = false
  private limitSeq = Infinity

  constructor(folder: string, afterSeq: number, onRecord: (record: JournalRecord) => unknown) {
    this.folder = folder
    this.afterSeq = afterSeq
    this.onRecord = onRecord
  }

  reading(): JournalReading {
    return {
      lastSeq: this.lastSeq,
      problems: this.problems,
      ...(this.torn === undefined ? {} : { torn: this.torn }),
      bytes: this.bytes,
    }
  }

  begin(segment: Segment, next: Segment | undefined): void {
    this.segment = segment.name
    this.line = 0
    this.superseded = false
    this.limitSeq = next?.firstSeq ?? Infinity
    const before = Math.max(this.lastSeq, this.afterSeq)
    if (segment.firstSeq > before + 1) {
      this.report(1, `the records ${before + 1} to ${segment.firstSeq - 1} before it are missing`)
    }
    this.lastSeq = Math.max(this.lastSeq, segment.firstSeq - 1)
    this.lastGood = Math.max(this.lastGood, segment.firstSeq - 1)
    this.inDoubt = false
  }

  /** A torn end where a later segment goes on without a gap was never durable, and is no loss. */
  endsTorn(bytes: number, next: Segment | undefined): void {
    if (next === undefined) this.torn = { segment: this.segment, bytes }
    else if (next.firstSeq > this.lastSeq + 1) {
      this.line++
      this.damaged('it is torn')
    }
  }

  /** Takes the next line; false ends the segment. */
  take(line: Buffer): boolean {
    this.line++
    const seq = this.afterSeq > 0 ? peekSeq(line) : undefined
    if (seq !== undefined && seq <= this.afterSeq && seq === this.lastSeq + 1) {
      this.accept(seq)
      return true
    }
    const decoded = decodeLine(line)
    if (decoded.kind === 'newer') throw newerFormat(this.folder, this.segment, decoded.version)
    if (decoded.kind === 'damaged') return this.damaged(decoded.reason)
    return this.takeRecord(decoded.record, line.length + 1)
  }

  private takeRecord(record: JournalRecord, bytes: number): boolean {
    const { seq } = record
    if (seq >= this.limitSeq) {
      this.superseded = true
      return false
    }
    const expected = this.lastSeq + 1
    // After a damaged line the count is in doubt: a lost newline makes one line of two, a gained one two of one.
    if (seq !== expected && !(this.inDoubt && seq > this.lastGood)) {
      return this.damaged(`it has seq ${seq} where ${expected} belongs`)
    }
    this.accept(seq)
    if (seq <= this.afterSeq) return true
    this.bytes += bytes
    return this.onRecord(record) !== false
  }

  private accept(seq: number): void {
    this.lastSeq = seq
    this.lastGood = seq
    this.inDoubt = false
  }

  private damaged(reason: string): boolean {
    this.lastSeq++
    this.inDoubt = true
    this.report(this.line, reason)
    return true
  }

  private report(line: number, reason: string): void {
    this.problems.push({ segment: this.segment, line, reason })
  }
}

function newerFormat(folder: string, segment: string, version: number): DataFolderError {
  return new DataFolderError(
    'newer-format',
    folder,
    `${join(folder, segment)} was written by a newer troupe (format ${version}; this one reads up to ${JOURNAL_VERSION}). Use that version, or another --data-dir.`,
  )
}
