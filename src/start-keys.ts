import { IdempotencyConflictError } from './domain/errors.ts'
import type { StartKey } from './domain/orchestration.ts'

/** Which run each idempotency key has started. The runs' own definitions keep it; this is the way to find it. */
export class StartKeys {
  readonly #started = new Map<string, { readonly run: string; readonly fingerprint: string }>()
  readonly #starting = new Map<string, Promise<string>>()

  /** `runs`: what earlier processes began, oldest first. */
  constructor(runs: Iterable<{ readonly run: string; readonly key?: StartKey }>) {
    for (const { run, key } of runs) {
      if (key !== undefined && !this.#started.has(key.key)) this.#note(run, key)
    }
  }

  /** The run that a key started; undefined when it started none. Throws IdempotencyConflictError. */
  started({ key, fingerprint }: StartKey): string | undefined {
    const known = this.#started.get(key)
    if (known !== undefined && known.fingerprint !== fingerprint) throw new IdempotencyConflictError(key, known.run)
    return known?.run
  }

  /** The key's run, begun now unless it was before. Who comes while it is being begun waits for that, and begins it if that fails. */
  async once(key: StartKey, begin: () => Promise<string>): Promise<string> {
    for (;;) {
      const known = this.started(key)
      if (known !== undefined) return known
      const starting = this.#starting.get(key.key)
      if (starting === undefined) return this.#begin(key, begin)
      await starting.catch(() => {})
    }
  }

  /** The run was removed: its key may start another. */
  release(run: string, key: StartKey | undefined): void {
    if (key !== undefined && this.#started.get(key.key)?.run === run) this.#started.delete(key.key)
  }

  #begin(key: StartKey, begin: () => Promise<string>): Promise<string> {
    const starting = begin()
      .then((run) => {
        this.#note(run, key)
        return run
      })
      .finally(() => this.#starting.delete(key.key))
    this.#starting.set(key.key, starting)
    return starting
  }

  #note(run: string, { key, fingerprint }: StartKey): void {
    this.#started.set(key, { run, fingerprint })
  }
}
