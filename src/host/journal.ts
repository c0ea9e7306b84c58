import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { JournalRecord } from '../domain/record.ts'
import { CommitLedger, type CommitListener } from './commit-ledger.ts'
import { type FileSystem, realFileSystem } from './file-system.ts'
import { toDataFolderError } from './folder-trouble.ts'
import { encodeLine } from './journal-line.ts'
import { SegmentFile } from './segment-file.ts'

/** Where a run's records become durable, in order. */
export interface Journal {
  /** Seq of the newest record appended; 0 for none. */
  readonly lastSeq: number
  /** Seq of the newest record that is durable. */
  readonly committedSeq: number
  /** Bytes since the last {@link rotate}: about what a restore would replay on top of the checkpoint. */
  readonly tailBytes: number
  /** Why nothing becomes durable any more. */
  readonly failure: DataFolderError | undefined
  /** Takes a record, which must not be changed afterwards; its seq is `lastSeq` + 1. Throws after `close`, and on what is not JSON. */
  append(record: JournalRecord): void
  /** Resolves when the record with `seq` is durable; rejects with DataFolderError when the journal has failed. */
  committed(seq: number): Promise<void>
  /** Told of each durable group, in order, before those who wait for it. Gives what ends it. */
  onCommit(listener: CommitListener): () => void
  /** Told once of each failure, before those who wait are. Gives what ends it. */
  onFailure(listener: (failure: DataFolderError) => void): () => void
  /**
   * Begins a new segment: what is appended from now on goes there. `seq` is the last of the old one: a state captured now
   * is the state at `seq`. Await `committed(seq)` before that state is written as a checkpoint.
   */
  rotate(): { readonly seq: number }
  /** After a full disk: tries again what is not durable. Rejects with the failure that remains. */
  retry(): Promise<void>
  /** Makes the rest durable. Rejects with the failure that prevents it; the files are closed in any case. */
  close(): Promise<void>
}

/** Settings of {@link openJournal}. */
export interface JournalOptions {
  /** The run's folder; it exists. */
  readonly folder: string
  readonly clock: Clock
  /** The seq that the first record appended will have. */
  readonly firstSeq: number
  /** What a restore has read beyond the checkpoint (`JournalReading.bytes`). */
  readonly tailBytes?: number
  /** Awaited before each group is written. Its rejection fails the journal for good. */
  readonly beforeCommit?: () => Promise<void>
  /** Told of each durable group how many records it has, and how long after the first was appended it became durable, ms. */
  readonly onMeasured?: (records: number, ms: number) => void
  readonly fs?: FileSystem
}

/** A group is written in one piece; a longer burst makes several groups. */
const LARGEST_GROUP_BYTES = 8 * 1024 * 1024

/** What is written at once. */
interface Group {
  /** The segment's first seq. */
  readonly segment: number
  /** When its first record was appended, ms. */
  readonly since: number
  readonly lines: string[]
  readonly records: JournalRecord[]
  bytes: number
}

/**
 * Opens a run's journal for appending. It always begins a segment of its own (made with its first line): a former holder that does
 * not know yet that it lost the folder cannot write into it. Only the folder's holder may, after `readJournal` with `repair`.
 */
export function openJournal(options: JournalOptions): Journal {
  return new FileJournal(options)
}

class FileJournal implements Journal {
  lastSeq: number
  tailBytes: number
  private readonly options: JournalOptions
  private readonly fs: FileSystem
  private readonly ledger: CommitLedger
  /** Not durable yet; the first one may be under way. */
  private readonly groups: Group[] = []
  private groupUnderWay: Group | undefined
  private segment: number
  private file: SegmentFile | undefined
  private working: Promise<void> | undefined
  private retrying: Promise<void> | undefined
  private closing: Promise<void> | undefined

  constructor(options: JournalOptions) {
    this.options = options
    this.fs = options.fs ?? realFileSystem
    this.lastSeq = options.firstSeq - 1
    this.ledger = new CommitLedger(this.lastSeq)
    this.segment = options.firstSeq
    this.tailBytes = options.tailBytes ?? 0
  }

  get committedSeq(): number {
    return this.ledger.committedSeq
  }

  get failure(): DataFolderError | undefined {
    return this.ledger.failure
  }

  append(record: JournalRecord): void {
    if (this.closing !== undefined) throw closedJournal(this.options.folder, 'is closed: nothing is recorded any more')
    if (record.seq !== this.lastSeq + 1) {
      throw new Error(`The journal in ${this.options.folder} expects seq ${this.lastSeq + 1}, not ${record.seq}.`)
    }
    const line = encodeLine(record)
    const bytes = Buffer.byteLength(line)
    const group = this.openGroup(bytes)
    group.lines.push(line)
    group.records.push(record)
    group.bytes += bytes
    this.tailBytes += bytes
    this.lastSeq = record.seq
    this.wake()
  }

  committed(seq: number): Promise<void> {
    return this.ledger.wait(seq)
  }

  onCommit(listener: CommitListener): () => void {
    return this.ledger.onCommit(listener)
  }

  onFailure(listener: (failure: DataFolderError) => void): () => void {
    return this.ledger.onFailure(listener)
  }

  rotate(): { readonly seq: number } {
    this.segment = this.lastSeq + 1
    this.tailBytes = 0
    return { seq: this.lastSeq }
  }

  retry(): Promise<void> {
    if (this.failure === undefined) return Promise.resolve()
    if (this.failure.code !== 'data-folder-full') return Promise.reject(this.failure)
    this.retrying ??= this.tryAgain().finally(() => {
      this.retrying = undefined
    })
    return this.retrying
  }

  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  private openGroup(bytes: number): Group {
    const last = this.groups.at(-1)
    if (
      last !== undefined &&
      last !== this.groupUnderWay &&
      last.segment === this.segment &&
      last.bytes + bytes <= LARGEST_GROUP_BYTES
    ) {
      return last
    }
    const since = this.options.clock.now()
    const group: Group = { segment: this.segment, since, lines: [], records: [], bytes: 0 }
    this.groups.push(group)
    return group
  }

  private wake(): void {
    if (this.working !== undefined || this.failure !== undefined || this.groups.length === 0) return
    this.working = this.work().finally(() => {
      this.working = undefined
      this.wake()
    })
  }

  /** Commits until nothing is left. Never rejects. */
  private async work(): Promise<void> {
    while (this.groups.length > 0) {
      await this.options.clock.operation(turn())
      const failure = await this.commitFirst()
      if (failure !== undefined) return this.ledger.fail(failure)
    }
  }

  /** Makes the first group durable and tells; or gives why not, and the group stays. */
  private async commitFirst(): Promise<DataFolderError | undefined> {
    const group = this.groups[0]
    if (group === undefined) return undefined
    this.groupUnderWay = group
    try {
      await this.options.beforeCommit?.()
      const file = await this.fileOf(group.segment)
      await file.append(Buffer.from(group.lines.join(''), 'utf8'))
    } catch (error) {
      return toDataFolderError(error, this.options.folder, 'Cannot write the journal')
    } finally {
      this.groupUnderWay = undefined
    }
    this.groups.shift()
    const lastSeq = group.records.at(-1)?.seq ?? this.committedSeq
    this.ledger.failure = undefined
    this.ledger.commit(group.records, lastSeq)
    this.options.onMeasured?.(group.records.length, this.options.clock.now() - group.since)
    return undefined
  }

  private async fileOf(segment: number): Promise<SegmentFile> {
    if (this.file?.firstSeq === segment) return this.file
    await this.file?.close()
    this.file = undefined
    this.file = await SegmentFile.open(this.fs, this.options.folder, segment, this.options.clock)
    return this.file
  }

  private async tryAgain(): Promise<void> {
    const failure = await this.commitFirst()
    if (failure !== undefined) {
      this.ledger.failure = failure
      throw failure
    }
    this.wake()
    await this.committed(this.lastSeq)
  }

  private async finish(): Promise<void> {
    await this.retrying?.catch(() => {})
    while (this.working !== undefined) await this.working
    await this.file?.close()
    this.file = undefined
    if (this.groups.length > 0 && this.failure !== undefined) throw this.failure
    this.ledger.rejectWaiters(closedJournal(this.options.folder, 'was closed before this was appended'))
  }
}

function closedJournal(folder: string, what: string): DataFolderError {
  return new DataFolderError('failed', folder, `The journal in ${folder} ${what}.`)
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
