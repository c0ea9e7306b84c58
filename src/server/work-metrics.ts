import { Counter, Histogram, type Registry } from 'prom-client'
import type { Measure } from '../domain/measure.ts'
import type { RunRecord } from '../domain/record.ts'
import { LabelValues } from './label-values.ts'
import { SlotWaits } from './slot-waits.ts'

const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
const COMMIT_RECORDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
const CALL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const WAIT_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400]

/** What runs do: their records, their journals, their calls to backends. Costs a few microseconds a record. */
export class WorkMetrics {
  readonly #waits: SlotWaits
  readonly #counted: ReturnType<typeof metricsOf>
  readonly #states = new LabelValues(100)
  readonly #codes = new LabelValues(100)
  readonly #accounts = new LabelValues(20)
  readonly #operations = new LabelValues(50)
  readonly #limits = new LabelValues(50)

  constructor(registry: Registry) {
    const counted = metricsOf(registry)
    this.#counted = counted
    this.#waits = new SlotWaits((limit, ms) => observe(counted.waits, { limit: this.#limits.of(limit) }, ms))
  }

  records(records: readonly RunRecord[]): void {
    for (const record of records) {
      this.#waits.see(record)
      const { type, actor, to = '', data } = record
      if (type === 'transition') this.#counted.transitions.inc({ kind: actor.kind, state: this.#states.of(to) })
      if (type === 'alert') this.#counted.alerts.inc({ code: this.#codes.of(String(data?.['code'])) })
    }
  }

  measure(measure: Measure): void {
    if (measure.type === 'commit') {
      observe(this.#counted.commits, {}, measure.ms)
      this.#counted.commitRecords.observe(measure.records)
      return
    }
    const account = this.#accounts.of(measure.account)
    const operation = this.#operations.of(measure.operation)
    this.#counted.calls.inc({ account, operation, outcome: measure.outcome })
    observe(this.#counted.callSeconds, { account, operation }, measure.ms)
  }
}

function metricsOf(registry: Registry) {
  const registers = [registry]
  return {
    transitions: new Counter({
      name: 'troupe_transitions_total',
      help: 'Transitions that became durable, by kind of actor and public state reached.',
      labelNames: ['kind', 'state'] as const,
      registers,
    }),
    alerts: new Counter({
      name: 'troupe_alerts_total',
      help: 'Alerts by code.',
      labelNames: ['code'] as const,
      registers,
    }),
    waits: new Histogram({
      name: 'troupe_slot_wait_seconds',
      help: 'How long an attempt waited until it might create its agent, by the limit that held it back last; brief: under 2 s.',
      labelNames: ['limit'] as const,
      buckets: WAIT_SECONDS,
      registers,
    }),
    calls: new Counter({
      name: 'troupe_backend_calls_total',
      help: 'Calls to backends that came back, by outcome.',
      labelNames: ['account', 'operation', 'outcome'] as const,
      registers,
    }),
    callSeconds: new Histogram({
      name: 'troupe_backend_call_duration_seconds',
      help: 'How long calls to backends took.',
      labelNames: ['account', 'operation'] as const,
      buckets: CALL_SECONDS,
      registers,
    }),
    commits: new Histogram({
      name: 'troupe_journal_commit_duration_seconds',
      help: 'From the first record of a group to its being durable.',
      buckets: COMMIT_SECONDS,
      registers,
    }),
    commitRecords: new Histogram({
      name: 'troupe_journal_commit_records',
      help: 'Records that became durable together.',
      buckets: COMMIT_RECORDS,
      registers,
    }),
  }
}

/** A clock that was set back makes no negative time. */
function observe<Label extends string>(
  histogram: Histogram<Label>,
  labels: Partial<Record<Label, string>>,
  ms: number,
): void {
  if (Number.isFinite(ms)) histogram.observe(labels, Math.max(0, ms) / 1000)
}
