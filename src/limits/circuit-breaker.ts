/** When a circuit opens, and for how long. */
export interface CircuitRules {
  /** So many failures in a row open it. */
  readonly failures: number
  /** How long it is open the first time, ms; doubled each time a probe fails, and lengthened by chance by up to a fifth. */
  readonly firstDelayMs: number
  readonly longestDelayMs: number
  /** When nothing is heard of a probe, the next one goes after this, ms. */
  readonly patienceMs: number
}

/**
 * Calls that nobody answers. Five: one lost answer, or one page that came back as garbage, is everyday life and has repairs of its
 * own; five in a row without one success between are not (at 10% faults that is 1 in 100,000). 15 s: what a restart of a server
 * or a switch of a network takes. 5 min at most: nobody should wait for much longer when it works again. A create is answered or
 * given up in 30 s: after 2 min it is not worth waiting for the probe's.
 */
export const CALL_RULES: CircuitRules = {
  failures: 5,
  firstDelayMs: 15_000,
  longestDelayMs: 5 * 60_000,
  patienceMs: 2 * 60_000,
}

/**
 * Agent runs that end in failure. Ten: tasks are retried three times, so that it takes more than three tasks that are hopeless by
 * themselves. Each probe is a paid agent run: so the delays are longer. An agent may work for an hour: after 5 min the next
 * goes beside it, so that an account that works again is not held up by one slow agent.
 */
export const END_RULES: CircuitRules = {
  failures: 10,
  firstDelayMs: 30_000,
  longestDelayMs: 15 * 60_000,
  patienceMs: 5 * 60_000,
}

/** How much of the delay chance may add: several processes do not try in step. */
const JITTER = 0.2
/** What became of a probe is told a moment after its slots are free: by a record that has to become durable. */
const VERDICT_MS = 1_000
/** A trouble that nobody has put to the test for so long is forgotten. */
const FORGET_MS = 60 * 60_000
/** More agents than that were never under probation at once: 5 min apart, and their deadlines are hours at most. */
const MOST_PROBES = 16

/** Failures in a row, since the last success. */
interface Rows {
  readonly row: number
  /** Those that were creations: a read that succeeds does not clear them, for it does not say that agents can be created. */
  readonly creations: number
}

interface Trouble extends Rows {
  /** When this state began, ms. */
  readonly at: number
  /** No creation before this time, ms. */
  readonly until: number
  /** How often it has opened since it was closed, from 1. */
  readonly openings: number
  /** What opened it, for people. */
  readonly why: string
}

/**
 * A circuit breaker as a plain value.
 *
 *   closed -> open (failures in a row)
 *   open -> half-open (`until` has come, a person says so, or calls are answered again that were not)
 *   half-open -> open (a probe fails: twice the delay) | closed (any success)
 *
 * Half-open, one creation at a time is let through as a probe; a second only when nothing was heard of the first for
 * `patienceMs`, or when it let go of its slots without a verdict (cancelled, put back). It may fail before its create is sent,
 * in a lookup that it needs: letting go after calls that failed is a verdict. Every state but closed has a time at which it
 * lets somebody through: nothing waits here for an event that never comes (I5).
 */
export type Circuit =
  | ({ readonly state: 'closed' } & Rows)
  | ({ readonly state: 'open' } & Trouble)
  | ({
      readonly state: 'half-open'
      /** The newest last; `at` is when that was let through. */
      readonly probes: readonly string[]
      /** A call that was sent since then has failed, and none succeeded after it. */
      readonly isSilent: boolean
    } & Trouble)

type HalfOpen = Extract<Circuit, { state: 'half-open' }>

/** Something that a circuit is told. */
export type CircuitEvent =
  | {
      readonly type: 'failed'
      readonly why: string
      readonly isCreation: boolean
      /** When the call was sent, or whose agent it was: tells whether it says something of a probe. */
      readonly sentAt?: number
      readonly holder?: string
    }
  /** A call succeeded that creates nothing. */
  | { readonly type: 'answered' }
  | { readonly type: 'succeeded' }
  /** A creation was let through. */
  | { readonly type: 'granted'; readonly holder: string }
  /** Its holder has let go of its slots. */
  | { readonly type: 'released'; readonly holder: string }
  /** A person wants it to be tried now. */
  | { readonly type: 'tried' }

export const CLOSED_CIRCUIT: Circuit = { state: 'closed', row: 0, creations: 0 }

/** Whether a creation may be let through. */
export function passesCircuit(circuit: Circuit, now: number): boolean {
  return circuit.state === 'closed' || now >= circuit.until
}

/** What the passing of time alone has made of it. */
export function circuitAt(circuit: Circuit, now: number): Circuit {
  if (circuit.state === 'closed' || now < circuit.until) return circuit
  if (now - circuit.until > FORGET_MS) return CLOSED_CIRCUIT
  return circuit.state === 'open' ? halfOpen(circuit, circuit.until) : circuit
}

/** The circuit after an event. `chance` is asked for a number from 0 to 1 when a delay is made. The same object: nothing changed. */
export function stepCircuit(
  given: Circuit,
  event: CircuitEvent,
  now: number,
  rules: CircuitRules,
  chance: () => number,
): Circuit {
  const circuit = circuitAt(given, now)
  switch (event.type) {
    case 'failed':
      return failed(circuit, event, now, rules, chance)
    case 'answered':
      return answered(circuit, now, rules)
    case 'succeeded':
      return circuit.state === 'closed' && circuit.row === 0 && circuit.creations === 0 ? circuit : CLOSED_CIRCUIT
    case 'granted':
      if (circuit.state !== 'half-open') return circuit
      return {
        ...circuit,
        at: now,
        until: now + rules.patienceMs,
        probes: [...circuit.probes.filter((probe) => probe !== event.holder), event.holder].slice(-MOST_PROBES),
        isSilent: false,
      }
    case 'released':
      if (circuit.state !== 'half-open' || circuit.probes.at(-1) !== event.holder) return circuit
      if (circuit.isSilent) return open(circuit, circuit.why, now, rules, chance)
      return { ...circuit, until: Math.min(circuit.until, now + VERDICT_MS) }
    case 'tried':
      return circuit.state === 'open' ? halfOpen(circuit, now) : circuit
  }
}

/** A circuit as an earlier process left it: open until then, and calls that are answered again may shorten it. */
export function restoredCircuit(
  past: { readonly at: number; readonly until: number; readonly openings: number; readonly why: string },
  now: number,
  rules: CircuitRules,
): Circuit {
  const { openings, why } = past
  const at = Math.min(past.at, now)
  // A clock that went back does not lengthen it.
  const until = Math.min(past.until, now + Math.max(0, past.until - past.at))
  return circuitAt({ state: 'open', row: rules.failures, creations: 0, at, until, openings, why }, now)
}

/** The clock went back by `byMs`. */
export function rewoundCircuit(circuit: Circuit, byMs: number): Circuit {
  if (circuit.state === 'closed') return circuit
  return { ...circuit, at: circuit.at - byMs, until: circuit.until - byMs }
}

type Failed = Extract<CircuitEvent, { type: 'failed' }>

function failed(circuit: Circuit, event: Failed, now: number, rules: CircuitRules, chance: () => number): Circuit {
  const row = circuit.row + 1
  const creations = circuit.creations + (event.isCreation ? 1 : 0)
  const counted = { ...circuit, row, creations }
  if (counted.state === 'closed') {
    return Math.max(row, creations) >= rules.failures ? open(counted, event.why, now, rules, chance) : counted
  }
  if (counted.state === 'open' || !isSinceProbe(counted, event)) return counted
  if (event.holder === undefined && !event.isCreation) return { ...counted, isSilent: true, why: event.why }
  return open(counted, event.why, now, rules, chance)
}

function open(circuit: Circuit, why: string, now: number, rules: CircuitRules, chance: () => number): Circuit {
  const { row, creations } = circuit
  const openings = circuit.state === 'closed' ? 1 : circuit.openings + 1
  const delay = Math.min(rules.longestDelayMs, rules.firstDelayMs * 2 ** (openings - 1)) * (1 + JITTER * chance())
  return { state: 'open', row, creations, at: now, until: now + Math.round(delay), openings, why }
}

/** What was on its way when the circuit opened says nothing of the time after. */
function isSinceProbe(circuit: HalfOpen, { holder, sentAt }: Failed): boolean {
  if (circuit.probes.length === 0) return false
  return holder === undefined ? sentAt !== undefined && sentAt >= circuit.at : circuit.probes.includes(holder)
}

/** Only a turn from failing to succeeding lets a probe go early: while reads work and creations do not, nothing has turned. */
function answered(circuit: Circuit, now: number, rules: CircuitRules): Circuit {
  if (circuit.row === 0) return circuit
  if (circuit.state === 'half-open') return { ...circuit, row: 0, isSilent: false }
  const hasTurned = circuit.state === 'open' && circuit.row >= rules.failures
  return { ...(hasTurned ? halfOpen(circuit, now) : circuit), row: 0 }
}

function halfOpen(circuit: Trouble, at: number): HalfOpen {
  const { row, creations, openings, why } = circuit
  return { state: 'half-open', row, creations, at, until: at, openings, why, probes: [], isSilent: false }
}
