/**
 * Writes the newest of what it is given: one write at a time, and what came meanwhile is written once. The promise of a value
 * that a newer one replaced settles as the newer one's does.
 */
export class LatestWrite<T> {
  private readonly write: (value: T) => Promise<void>
  private waiting: { readonly value: T } | undefined
  private next: Promise<void> | undefined
  private running: Promise<void> = Promise.resolve()

  constructor(write: (value: T) => Promise<void>) {
    this.write = write
  }

  /** Resolves when `value`, or a newer one, is written. */
  put(value: T): Promise<void> {
    this.waiting = { value }
    this.next ??= this.running.then(
      () => this.takeNext(),
      () => this.takeNext(),
    )
    return this.next
  }

  /** Settles as the newest write does. */
  settled(): Promise<void> {
    return this.next ?? this.running
  }

  private takeNext(): Promise<void> {
    const { waiting } = this
    this.waiting = undefined
    this.next = undefined
    const work = waiting === undefined ? Promise.resolve() : this.write(waiting.value)
    work.catch(() => {})
    this.running = work
    return work
  }
}
