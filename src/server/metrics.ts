import { Gauge, Registry } from 'prom-client'
import type { StreamStats } from '../api/stream.ts'
import type { Clock } from '../domain/clock.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { LabelValues } from './label-values.ts'
import { LimitMetrics } from './limit-metrics.ts'
import { ProcessMetrics } from './process-metrics.ts'
import { ServingMetrics } from './serving-metrics.ts'
import { WorkMetrics } from './work-metrics.ts'

/** What is counted. */
export interface MetricsOptions {
  readonly orchestrator: Pick<Orchestrator, 'census' | 'limits' | 'observe' | 'subscribe'>
  readonly stream: () => StreamStats
  readonly clock: Clock
}

/** The numbers of one server, for Prometheus. No label ever names a run, a task or a client. */
export interface Metrics {
  /** Costs the same however many tasks and clients there are. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>
  /** Counts a request that was answered; `route` is its template, such as `/v1/runs/:run`. */
  request(method: string, route: string, status: number, ms: number): void
  /** Counts no more. */
  close(): void
}

/** Counts from now on, in a registry of its own. */
export function createMetrics({ orchestrator, stream, clock }: MetricsOptions): Metrics {
  const registry = new Registry()
  const runs = new Census(registry, 'troupe_runs', 'Runs of the data folder by status.', 'status')
  const tasks = new Census(registry, 'troupe_tasks', 'Tasks of the runs that are carried, by public state.', 'state')
  const work = new WorkMetrics(registry)
  const limits = new LimitMetrics(registry)
  const serving = new ServingMetrics(registry)
  const own = new ProcessMetrics(registry)
  const unsubscribe = orchestrator.subscribe((_run, records) => work.records(records))
  const unobserve = orchestrator.observe((measure) => work.measure(measure))
  return {
    async render() {
      const census = orchestrator.census()
      runs.show(census.runs)
      tasks.show(census.tasks)
      limits.show(orchestrator.limits(), clock.now())
      serving.showStream(stream())
      own.show()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
    request: (method, route, status, ms) => serving.request(method, route, status, ms),
    close() {
      unsubscribe()
      unobserve()
      own.close()
    },
  }
}

/** How many there are of each; what there was once goes on as 0. */
class Census<Label extends string> {
  readonly #values = new LabelValues(100)
  readonly #gauge: Gauge<Label>
  readonly #label: Label

  constructor(registry: Registry, name: string, help: string, label: Label) {
    this.#label = label
    this.#gauge = new Gauge({ name, help, labelNames: [label], registers: [registry] })
  }

  show(counts: Readonly<Record<string, number>>): void {
    this.#gauge.reset()
    for (const value of this.#values.known) this.#gauge.set(this.#named(value), 0)
    for (const [value, count] of Object.entries(counts)) this.#gauge.inc(this.#named(this.#values.of(value)), count)
  }

  #named(value: string): Record<Label, string> {
    return { [this.#label]: value } as Record<Label, string>
  }
}
