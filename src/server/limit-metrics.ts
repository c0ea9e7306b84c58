import { Gauge, type Registry } from 'prom-client'
import type { JsonObject } from '../domain/json.ts'
import { isPlainObject } from '../workflow/json-value.ts'
import { LabelValues, OTHER } from './label-values.ts'

const MOST_LIMITS = 200

/** The gauges of every limit, filled from `Orchestrator.limits()`. */
export class LimitMetrics {
  readonly #limits = new LabelValues(MOST_LIMITS)
  readonly #caps = new LabelValues(MOST_LIMITS)
  readonly #accounts = new LabelValues(MOST_LIMITS)
  readonly #gauges: ReturnType<typeof gaugesOf>

  constructor(registry: Registry) {
    this.#gauges = gaugesOf(registry)
  }

  /** `now` in ms, as the times of the view are. */
  show(view: JsonObject, now: number): void {
    for (const gauge of Object.values(this.#gauges)) gauge.reset()
    for (const [name, bucket] of entriesOf(view['buckets'])) this.#bucket(this.#limits.of(name), bucket, now)
    for (const [name, cap] of entriesOf(view['caps'])) this.#cap(this.#caps.of(capLabel(name)), cap)
    for (const [name, door] of entriesOf(view['accounts'])) {
      const labels = { account: this.#accounts.of(name), reason: String(door['kind']) }
      this.#gauges.accountClosed.set(labels, 1)
      this.#gauges.accountWaiting.inc(labels, count(door['waiting']))
    }
    for (const [name, circuits] of entriesOf(view['circuits'])) this.#circuits(this.#accounts.of(name), circuits, now)
  }

  #circuits(account: string, circuits: Readonly<Record<string, unknown>>, now: number): void {
    for (const [circuit, { state, until }] of entriesOf(circuits)) {
      this.#gauges.circuit.set({ account, circuit, state: String(state) }, secondsUntil(until, now))
    }
  }

  #bucket(limit: string, bucket: Readonly<Record<string, unknown>>, now: number): void {
    const gauges = this.#gauges
    gauges.used.inc({ limit }, count(bucket['used']))
    gauges.reserved.inc({ limit }, count(bucket['reserved']))
    gauges.inFlight.inc({ limit }, count(bucket['inFlight']))
    gauges.waiting.inc({ limit }, count(bucket['waiting']))
    gauges.closed.set({ limit }, secondsUntil(bucket['closedUntil'], now))
    gauges.next.set({ limit }, secondsUntil(bucket['nextAt'], now))
  }

  /** Those of one label are one sum: there are as many caps as runs. */
  #cap(cap: string, { used, waiting, capacity }: Readonly<Record<string, unknown>>): void {
    this.#gauges.capUsed.inc({ cap }, count(used))
    this.#gauges.capWaiting.inc({ cap }, count(waiting))
    if (typeof capacity === 'number') this.#gauges.capCapacity.inc({ cap }, capacity)
  }
}

function gaugesOf(registry: Registry) {
  const registers = [registry]
  const limit = (name: string, help: string) => new Gauge({ name, help, labelNames: ['limit'] as const, registers })
  const cap = (name: string, help: string) => new Gauge({ name, help, labelNames: ['cap'] as const, registers })
  const account = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['account', 'reason'] as const, registers })
  return {
    used: limit('troupe_limit_used_calls', 'Calls that count against a rate limit now.'),
    reserved: limit('troupe_limit_reserved_calls', 'Places of a rate limit that are reserved for coming calls.'),
    inFlight: limit('troupe_limit_in_flight_calls', 'Calls of a rate limit that have no answer yet.'),
    waiting: limit('troupe_limit_waiting_calls', 'Calls and agents that wait for a place of a rate limit.'),
    closed: limit(
      'troupe_limit_closed_seconds',
      'How long the backend still refuses calls of a rate limit; 0: it is open.',
    ),
    next: limit(
      'troupe_limit_next_place_seconds',
      'How long until a rate limit has one free place more than now; 0: all are free.',
    ),
    capUsed: cap('troupe_cap_used_agents', 'Agents that hold a slot; all runs together, each backend, each resource.'),
    capCapacity: cap('troupe_cap_capacity_agents', 'Slots that there are; absent where there is no bound.'),
    capWaiting: cap('troupe_cap_waiting_agents', 'Agents that wait for a slot.'),
    accountClosed: account(
      'troupe_account_closed',
      '1: an account takes no new agents until somebody acts, or until a try succeeds.',
    ),
    accountWaiting: account('troupe_account_waiting_agents', 'Agents that wait for a closed account.'),
    circuit: new Gauge({
      name: 'troupe_circuit_open_seconds',
      help: 'How long a circuit breaker of an account (calls: nobody answers; ends: agents fail) still holds creations back.',
      labelNames: ['account', 'circuit', 'state'] as const,
      registers,
    }),
  }
}

/** `run:RUN` is one of many and temporary; `resource:RUN/NAME` is known by its own name. */
function capLabel(name: string): string {
  const colon = name.indexOf(':')
  const kind = name.slice(0, colon)
  if (colon < 0) return OTHER
  return kind === 'run' ? 'run' : `${kind}:${name.slice(Math.max(colon, name.indexOf('/')) + 1)}`
}

function entriesOf(view: unknown): [string, Record<string, unknown>][] {
  const entries = isPlainObject(view) ? Object.entries(view) : []
  return entries.flatMap(([name, part]) => (isPlainObject(part) ? [[name, part]] : []))
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

function secondsUntil(at: unknown, now: number): number {
  return typeof at === 'number' && Number.isFinite(at) ? Math.max(0, at - now) / 1000 : 0
}
