import type { DataFolderError } from '../domain/errors.ts'
import type { JournalRecord } from '../domain/record.ts'
import { tellAll } from './tell-all.ts'

/** Told of the records of each group once they are durable, in order. They must not be changed. */
export type CommitListener = (records: readonly JournalRecord[]) => void

interface Waiter {
  readonly seq: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Who is to be told what is durable: the part that every journal has in common. */
export class CommitLedger {
  committedSeq: number
  failure: DataFolderError | undefined
  private waiters: Waiter[] = []
  private readonly commitListeners = new Set<CommitListener>()
  private readonly failureListeners = new Set<(failure: DataFolderError) => void>()

  constructor(committedSeq: number) {
    this.committedSeq = committedSeq
  }

  wait(seq: number): Promise<void> {
    if (seq <= this.committedSeq) return Promise.resolve()
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      this.waiters.push({ seq, resolve, reject })
    })
  }

  onCommit(listener: CommitListener): () => void {
    this.commitListeners.add(listener)
    return () => this.commitListeners.delete(listener)
  }

  onFailure(listener: (failure: DataFolderError) => void): () => void {
    this.failureListeners.add(listener)
    return () => this.failureListeners.delete(listener)
  }

  /** Broadcasts a durable group, then lets those go on who waited for it. */
  commit(records: readonly JournalRecord[], lastSeq: number): void {
    this.committedSeq = lastSeq
    tellAll(this.commitListeners, records)
    const due = this.waiters.filter((waiter) => waiter.seq <= lastSeq)
    if (due.length === 0) return
    this.waiters = this.waiters.filter((waiter) => waiter.seq > lastSeq)
    for (const waiter of due) waiter.resolve()
  }

  /** Notes that nothing more becomes durable. Those who wait are told after the listeners. */
  fail(failure: DataFolderError): void {
    this.failure = failure
    tellAll(this.failureListeners, failure)
    this.rejectWaiters(failure)
  }

  /** Turns away those who wait for what will never come. */
  rejectWaiters(error: unknown): void {
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }
}
