/** Points in scripts at which answers wait until the test says go on. */
export class Holds {
  readonly #released = new Set<string>()
  readonly #reached = new Map<string, number>()
  #waiters: (() => boolean)[] = []

  /** Waits here until the name is released or the signal says that nobody waits for the answer. */
  reach(name: string, signal: AbortSignal): Promise<void> {
    this.#reached.set(name, (this.#reached.get(name) ?? 0) + 1)
    this.#wake()
    const stop = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    return Promise.race([stop, this.#until(() => this.#released.has(name))])
  }

  /** For good: what comes to it later does not wait. */
  release(name: string): void {
    this.#released.add(name)
    this.#wake()
  }

  /** Resolves once answers have waited at a name so often. */
  held(name: string, times = 1): Promise<void> {
    return this.#until(() => (this.#reached.get(name) ?? 0) >= times)
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return false
        resolve()
        return true
      }
      if (!check()) this.#waiters.push(check)
    })
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter((check) => !check())
  }
}
