import type { Clock } from '../domain/clock.ts'
import type { JsonObject } from '../domain/json.ts'
import type { BackendCall } from '../domain/measure.ts'
import { AccountCircuit, type CircuitChange } from './account-circuit.ts'
import type { LimitNotebook } from './limit-notebook.ts'

/** What circuits are made of. */
export interface CircuitsOptions {
  readonly clock: Clock
  /** Without it nothing survives a restart. */
  readonly notebook?: LimitNotebook
  /** Chance of the delays. */
  readonly seed?: number
}

const DEFAULT_SEED = 1

/**
 * The circuit breakers of a data folder's accounts. They are told how calls and agents end, a limiter asks them before it grants a
 * creation. Those that are not closed are noted as closed buckets are, so that a restart goes on where the process ended; the
 * failures that were counted towards an opening are not, and a restart begins to count anew.
 */
export class Circuits {
  readonly #clock: Clock
  readonly #seed: number
  readonly #notebook: LimitNotebook | undefined
  readonly #byAccount = new Map<string, AccountCircuit>()
  readonly #listeners: ((change: CircuitChange) => void)[] = []

  constructor({ clock, notebook, seed = DEFAULT_SEED }: CircuitsOptions) {
    this.#clock = clock
    this.#seed = seed
    this.#notebook = notebook
    for (const { account, name, ...past } of notebook?.circuits ?? []) {
      this.of(account).restore(name, past, clock.now())
    }
  }

  of(account: string): AccountCircuit {
    let circuit = this.#byAccount.get(account)
    if (circuit === undefined) {
      circuit = new AccountCircuit(account, this.#seed, (change) => this.#changed(change))
      this.#byAccount.set(account, circuit)
    }
    return circuit
  }

  /** Told of each step of a circuit that is not closed before or after it. */
  onChange(listener: (change: CircuitChange) => void): void {
    this.#listeners.push(listener)
  }

  called(account: string, call: BackendCall): void {
    this.of(account).called(call, this.#clock.now())
  }

  completed(account: string): void {
    this.of(account).completed(this.#clock.now())
  }

  /** `holder` is the attempt (RUN/TASK/ATTEMPT) whose agent run ended in failure. */
  ended(account: string, holder: string, reason: string): void {
    this.of(account).ended(holder, reason, this.#clock.now())
  }

  tryNow(account: string): void {
    this.of(account).tryNow(this.#clock.now())
  }

  isTroubled(account: string): boolean {
    return this.troubles(account).length > 0
  }

  /** What of its circuits is not closed, a sentence each. */
  troubles(account: string): readonly string[] {
    return this.of(account).troubles(this.#clock.now())
  }

  view(now: number): JsonObject {
    return Object.fromEntries([...this.#byAccount].map(([account, circuit]) => [account, circuit.view(now)]))
  }

  #changed(change: CircuitChange): void {
    this.#note(change)
    for (const listener of this.#listeners) listener(change)
  }

  #note({ account, name, before, after }: CircuitChange): void {
    if (after.state === 'closed') {
      this.#notebook?.circuit({ account, name, at: this.#clock.now(), until: 0, openings: 0, why: '' })
      return
    }
    // What only shortens the wait need not be noted: whoever restarts then waits a little longer.
    if (before.state !== 'closed' && after.until <= before.until) return
    const { at, until, openings, why } = after
    this.#notebook?.circuit({ account, name, at, until, openings, why })
  }
}
