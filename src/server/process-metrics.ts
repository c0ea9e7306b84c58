import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'

/**
 * This process under the names that dashboards know. prom-client's own collector would observe garbage collection for ever; this
 * one holds a single monitor, until `close`.
 */
export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  readonly #memory: Gauge
  readonly #heap: Gauge
  readonly #cpu: Counter
  readonly #delayP99: Gauge
  readonly #delayMost: Gauge

  constructor(registry: Registry) {
    const registers = [registry]
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
    this.#memory = gauge('process_resident_memory_bytes', 'Memory of the process.')
    this.#heap = gauge('nodejs_heap_size_used_bytes', 'JavaScript objects, the dead ones not yet collected included.')
    this.#cpu = new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Processor time, user and system.',
      registers,
    })
    this.#delayP99 = gauge('nodejs_eventloop_lag_p99_seconds', 'Delay of the event loop since the last scrape, p99.')
    this.#delayMost = gauge(
      'nodejs_eventloop_lag_max_seconds',
      'Delay of the event loop since the last scrape, longest.',
    )
    this.#delay.enable()
  }

  show(): void {
    const { rss, heapUsed } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    this.#memory.set(rss)
    this.#heap.set(heapUsed)
    this.#cpu.reset()
    this.#cpu.inc((user + system) / 1e6)
    this.#delayP99.set(nanoseconds(this.#delay.percentile(99)))
    this.#delayMost.set(nanoseconds(this.#delay.max))
    this.#delay.reset()
  }

  close(): void {
    this.#delay.disable()
  }
}

/** In seconds; the monitor's words for "nothing yet" are no times. */
function nanoseconds(value: number): number {
  return Number.isFinite(value) && value < 2 ** 62 ? value / 1e9 : 0
}
