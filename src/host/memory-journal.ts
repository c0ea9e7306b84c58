import type { DataFolderError } from '../domain/errors.ts'
import type { JournalRecord } from '../domain/record.ts'
import { CommitLedger, type CommitListener } from './commit-ledger.ts'
import type { Journal } from './journal.ts'
import { decodeLine, encodeLine } from './journal-line.ts'

/** A journal without a disk, for simulations: commits on a microtask. */
export interface MemoryJournal extends Journal {
  /** The durable records with a greater seq, as a restore would read them. */
  read(afterSeq?: number): JournalRecord[]
  /** From now on nothing becomes durable, as when a disk fails. After a `data-folder-full`, `retry` works again. */
  fail(failure: DataFolderError): void
}

/** A journal over `lines`, which is its disk: a second journal over the same array restores what the first committed. */
export function createMemoryJournal(lines: string[] = []): MemoryJournal {
  return new ArrayJournal(lines)
}

class ArrayJournal implements MemoryJournal {
  lastSeq: number
  tailBytes: number
  private readonly lines: string[]
  private readonly ledger: CommitLedger
  private pending: { readonly record: JournalRecord; readonly line: string }[] = []
  private scheduled = false
  private closed = false

  constructor(lines: string[]) {
    this.lines = lines
    this.lastSeq = lines.length
    this.tailBytes = lines.reduce((sum, line) => sum + line.length, 0)
    this.ledger = new CommitLedger(this.lastSeq)
  }

  get committedSeq(): number {
    return this.ledger.committedSeq
  }

  get failure(): DataFolderError | undefined {
    return this.ledger.failure
  }

  append(record: JournalRecord): void {
    if (this.closed) throw new Error('The journal in memory is closed.')
    if (record.seq !== this.lastSeq + 1) {
      throw new Error(`The journal in memory expects seq ${this.lastSeq + 1}, not ${record.seq}.`)
    }
    const line = encodeLine(record)
    this.pending.push({ record, line })
    this.lastSeq = record.seq
    this.tailBytes += line.length
    this.commitSoon()
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
    this.tailBytes = 0
    return { seq: this.lastSeq }
  }

  async retry(): Promise<void> {
    if (this.failure !== undefined && this.failure.code !== 'data-folder-full') throw this.failure
    this.ledger.failure = undefined
    this.commit()
  }

  async close(): Promise<void> {
    this.closed = true
    if (this.failure === undefined) this.commit()
    else if (this.pending.length > 0) throw this.failure
    this.ledger.rejectWaiters(new Error('The journal in memory was closed before this was appended.'))
  }

  read(afterSeq = 0): JournalRecord[] {
    return this.lines.slice(afterSeq).flatMap((line) => {
      const decoded = decodeLine(Buffer.from(line.trimEnd(), 'utf8'))
      return decoded.kind === 'record' ? [decoded.record] : []
    })
  }

  fail(failure: DataFolderError): void {
    this.ledger.fail(failure)
  }

  private commitSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      this.commit()
    })
  }

  private commit(): void {
    if (this.failure !== undefined || this.pending.length === 0) return
    const group = this.pending
    this.pending = []
    for (const { line } of group) this.lines.push(line)
    this.ledger.commit(
      group.map(({ record }) => record),
      this.lines.length,
    )
  }
}
