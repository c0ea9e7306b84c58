import type { Clock } from './domain/clock.ts'
import type { BackendCall, FolderHealth } from './domain/measure.ts'

type Reachability = FolderHealth['backends'][string]

/** Nobody answered, or what answered was not the service. A refusal (429, 402, 401) is an answer. */
const SILENCE: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'unknown-outcome'])

/** What the last call to each account showed. */
export class AccountCalls {
  readonly #clock: Clock
  readonly #last = new Map<string, { readonly call: BackendCall; readonly at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(account: string, call: BackendCall): void {
    this.#last.set(account, { call, at: this.#clock.now() })
  }

  /** Whether the account's backend answers, as far as its last call shows. */
  reachability(account: string): Reachability {
    const last = this.#last.get(account)
    if (last === undefined) return { reachable: 'unknown' }
    const { outcome, message } = last.call
    return {
      reachable: SILENCE.has(outcome) ? 'no' : 'yes',
      at: new Date(last.at).toISOString(),
      ...(message === undefined ? {} : { message }),
    }
  }
}
