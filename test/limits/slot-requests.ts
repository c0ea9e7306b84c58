import type { Limiter, SlotRequest, WaitingFor } from '../../src/domain/limiter.ts'

/** A request as the tests make it: run `a`, account `codegen`, nothing needed. */
export function slotRequest(holder: string, needs: Partial<SlotRequest> = {}): SlotRequest {
  return { holder, run: 'a', caps: [], account: 'codegen', buckets: [], priority: 'normal', remaining: 0, ...needs }
}

/** Acquires for many holders and remembers in which order they were granted, refused and told. */
export class Holders {
  readonly granted: string[] = []
  readonly refused: string[] = []
  readonly told: [holder: string, waiting: WaitingFor][] = []
  readonly #limiter: Limiter
  readonly #aborts = new Map<string, AbortController>()

  constructor(limiter: Limiter) {
    this.#limiter = limiter
  }

  acquire(holder: string, needs: Partial<SlotRequest> = {}): Promise<void> {
    const abort = new AbortController()
    this.#aborts.set(holder, abort)
    return this.#limiter
      .acquire(slotRequest(holder, needs), abort.signal, (waiting) => this.told.push([holder, waiting]))
      .then(
        () => {
          this.granted.push(holder)
        },
        () => {
          this.refused.push(holder)
        },
      )
  }

  abort(holder: string): void {
    this.#aborts.get(holder)?.abort()
  }
}

export function never(): AbortSignal {
  return new AbortController().signal
}
