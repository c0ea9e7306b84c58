import type { Journal } from './journal.ts'

/** Of each actor, which of its records is the last, so that an effect can wait until that one is durable. */
export class LastRecords {
  readonly #journal: Journal
  readonly #seqs = new Map<string, number>()
  #unrepaired: (() => void)[] = []

  constructor(journal: Journal) {
    this.#journal = journal
  }

  note(actor: string, seq: number): void {
    this.#seqs.set(actor, seq)
  }

  forget(actor: string): void {
    this.#seqs.delete(actor)
  }

  /** Resolves once the actor's last record is durable; not while the journal has failed. */
  async durable(actor: string): Promise<void> {
    const seq = this.#seqs.get(actor)
    // Nothing was appended since the restore: what owes the effect is on disk already.
    if (seq === undefined) return
    for (;;) {
      try {
        return await this.#journal.committed(seq)
      } catch {
        await new Promise<void>((resolve) => this.#unrepaired.push(resolve))
      }
    }
  }

  /** Tells those who wait for the disk that it works again. */
  repaired(): void {
    for (const resolve of this.#unrepaired.splice(0)) resolve()
  }
}
