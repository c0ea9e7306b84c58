import type { DataFolderError } from '../../src/domain/errors.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import { CommitLedger, type CommitListener } from '../../src/host/commit-ledger.ts'
import type { Journal } from '../../src/host/journal.ts'

/** A journal that makes nothing durable until it is told to. */
export class HeldJournal implements Journal {
  /** What is durable. */
  readonly records: JournalRecord[] = []
  lastSeq = 0
  readonly tailBytes = 0
  readonly #ledger = new CommitLedger(0)
  #held: JournalRecord[] = []

  get committedSeq(): number {
    return this.#ledger.committedSeq
  }

  get failure(): DataFolderError | undefined {
    return this.#ledger.failure
  }

  append(record: JournalRecord): void {
    this.lastSeq = record.seq
    this.#held.push(record)
  }

  /** Makes all durable that was appended. */
  commit(): void {
    const group = this.#held
    if (group.length === 0) return
    this.#held = []
    this.records.push(...group)
    this.#ledger.commit(group, this.lastSeq)
  }

  /** From now on whoever waits is turned away, as when the disk is full. */
  fail(failure: DataFolderError): void {
    this.#ledger.fail(failure)
  }

  committed(seq: number): Promise<void> {
    return this.#ledger.wait(seq)
  }

  onCommit(listener: CommitListener): () => void {
    return this.#ledger.onCommit(listener)
  }

  onFailure(listener: (failure: DataFolderError) => void): () => void {
    return this.#ledger.onFailure(listener)
  }

  rotate(): { readonly seq: number } {
    return { seq: this.lastSeq }
  }

  async retry(): Promise<void> {
    this.#ledger.failure = undefined
    this.commit()
  }

  async close(): Promise<void> {}
}
