import type { JsonObject } from '../domain/json.ts'
import type { BackendCall } from '../domain/measure.ts'
import { chance } from '../domain/seed.ts'
import {
  CALL_RULES,
  type Circuit,
  type CircuitEvent,
  type CircuitRules,
  CLOSED_CIRCUIT,
  circuitAt,
  END_RULES,
  passesCircuit,
  restoredCircuit,
  rewoundCircuit,
  stepCircuit,
} from './circuit-breaker.ts'
import type { WaitReason } from './waiting-queue.ts'

/** `calls`: nobody answers. `ends`: agents end in failure. */
export type CircuitName = 'calls' | 'ends'

/** A circuit took a step that others may want to know of. */
export interface CircuitChange {
  readonly account: string
  readonly name: CircuitName
  readonly before: Circuit
  readonly after: Circuit
}

const RULES: Readonly<Record<CircuitName, CircuitRules>> = { calls: CALL_RULES, ends: END_RULES }
const NAMES = ['calls', 'ends'] as const
const WHAT = { calls: 'calls', ends: 'agent runs' } as const

/** Nobody knows that the service is there. A refusal (429, 402, 4xx) is an answer, and has an owner of its own. */
const SILENCE: ReadonlySet<string> = new Set<BackendCall['outcome']>([
  'unreachable',
  'timeout',
  'unknown-outcome',
  'crashed',
])
const CREATION = 'createRun'
const MOST_WORDS = 200

/** The two circuits of one account. A creation has to pass both, and is then a probe of each that is half-open. */
export class AccountCircuit {
  readonly account: string
  readonly #seed: number
  readonly #onChange: (change: CircuitChange) => void
  readonly #circuits: Record<CircuitName, Circuit> = { calls: CLOSED_CIRCUIT, ends: CLOSED_CIRCUIT }

  constructor(account: string, seed: number, onChange: (change: CircuitChange) => void) {
    this.account = account
    this.#seed = seed
    this.#onChange = onChange
  }

  /** No creation before this time, ms; null while nothing holds them back. */
  heldUntil(now: number): number | null {
    const held = this.#holding(now)
    return held === undefined ? null : held.until
  }

  passes(now: number): boolean {
    return passesCircuit(this.#circuits.calls, now) && passesCircuit(this.#circuits.ends, now)
  }

  /** Why creations wait, while they do. */
  reason(now: number): WaitReason | undefined {
    const held = this.#holding(now)
    return held && { kind: 'circuit', name: this.account, until: held.until, detail: describeCircuit(held) }
  }

  /** A call came back. */
  called({ operation, outcome, message, ms }: BackendCall, now: number): void {
    const isCreation = operation === CREATION
    if (outcome === 'ok') this.#step('calls', { type: isCreation ? 'succeeded' : 'answered' }, now)
    else if (SILENCE.has(outcome)) {
      const why = this.#why('calls', message === undefined ? outcome : `${outcome}: ${message}`)
      this.#step('calls', { type: 'failed', why, isCreation, sentAt: now - ms }, now)
    }
  }

  /** The agent run of an attempt has completed. */
  completed(now: number): void {
    this.#step('ends', { type: 'succeeded' }, now)
  }

  /** The agent run of an attempt has ended in failure. */
  ended(holder: string, reason: string, now: number): void {
    this.#step('ends', { type: 'failed', why: this.#why('ends', reason), isCreation: false, holder }, now)
  }

  granted(holder: string, now: number): void {
    this.#stepBoth({ type: 'granted', holder }, now)
  }

  released(holder: string, now: number): void {
    this.#stepBoth({ type: 'released', holder }, now)
  }

  /** A person wants the next creation to be tried now. */
  tryNow(now: number): void {
    this.#stepBoth({ type: 'tried' }, now)
  }

  restore(name: CircuitName, past: Parameters<typeof restoredCircuit>[0], now: number): void {
    this.#circuits[name] = restoredCircuit(past, now, RULES[name])
  }

  rewind(byMs: number): void {
    for (const name of NAMES) this.#circuits[name] = rewoundCircuit(this.#circuits[name], byMs)
  }

  /** What of it is not closed, for people. */
  troubles(now: number): readonly string[] {
    return NAMES.flatMap((name) => {
      const circuit = circuitAt(this.#circuits[name], now)
      return circuit.state === 'closed' ? [] : [describeCircuit(circuit)]
    })
  }

  view(now: number): JsonObject {
    return Object.fromEntries(NAMES.map((name) => [name, viewCircuit(circuitAt(this.#circuits[name], now))]))
  }

  /** Of those that hold creations back the one that does so for longest. */
  #holding(now: number): Exclude<Circuit, { state: 'closed' }> | undefined {
    let longest: Exclude<Circuit, { state: 'closed' }> | undefined
    for (const name of NAMES) {
      const circuit = this.#circuits[name]
      if (circuit.state === 'closed' || now >= circuit.until) continue
      if (longest === undefined || circuit.until > longest.until) longest = circuit
    }
    return longest
  }

  #why(name: CircuitName, last: string): string {
    const row = this.#circuits[name].row + 1
    return `${row} ${WHAT[name]} in a row failed (${last.slice(0, MOST_WORDS)})`
  }

  #stepBoth(event: CircuitEvent, now: number): void {
    for (const name of NAMES) this.#step(name, event, now)
  }

  #step(name: CircuitName, event: CircuitEvent, now: number): void {
    const before = this.#circuits[name]
    const draw = () => chance(this.#seed, `${this.account}/${name}/${now}`)
    const after = stepCircuit(before, event, now, RULES[name], draw)
    if (after === before) return
    this.#circuits[name] = after
    const isQuiet = before.state === 'closed' && after.state === 'closed'
    if (!isQuiet) this.#onChange({ account: this.account, name, before, after })
  }
}

/** One sentence for a person; the circuit is not closed. */
function describeCircuit(circuit: Exclude<Circuit, { state: 'closed' }>): string {
  const until = instant(circuit.until)
  if (circuit.state === 'open') return `${circuit.why}; the next creation is tried at ${until}`
  if (circuit.probes.length === 0) return `${circuit.why}; the next creation is tried as soon as one can be`
  return `${circuit.why}; one creation was let through at ${instant(circuit.at)}, the next follows when that has succeeded, or at ${until}`
}

function viewCircuit(circuit: Circuit): JsonObject {
  const { state, row } = circuit
  if (circuit.state === 'closed') return { state, row, until: null }
  return { state, row, until: circuit.until, openings: circuit.openings, detail: circuit.why }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
