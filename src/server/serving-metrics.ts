import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { StreamStats } from '../api/stream.ts'
import { LabelValues, OTHER } from './label-values.ts'

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const MOST_ROUTES = 100
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30]

/** How the outside is served: requests and the stream. */
export class ServingMetrics {
  readonly #routes = new LabelValues(MOST_ROUTES)
  readonly #requests: Counter<'method' | 'route' | 'status'>
  readonly #seconds: Histogram<'method' | 'route'>
  readonly #stream: ReturnType<typeof streamMetrics>

  constructor(registry: Registry) {
    this.#requests = new Counter({
      name: 'troupe_http_requests_total',
      help: 'Requests that were answered, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
    })
    this.#seconds = new Histogram({
      name: 'troupe_http_request_duration_seconds',
      help: 'How long requests took.',
      labelNames: ['method', 'route'],
      buckets: REQUEST_SECONDS,
      registers: [registry],
    })
    this.#stream = streamMetrics(registry)
  }

  request(givenMethod: string, givenRoute: string, status: number, ms: number): void {
    const method = METHODS.has(givenMethod) ? givenMethod : OTHER
    const route = this.#routes.of(givenRoute)
    const known = Number.isInteger(status) && status >= 100 && status < 600
    this.#requests.inc({ method, route, status: known ? String(status) : OTHER })
    if (Number.isFinite(ms)) this.#seconds.observe({ method, route }, Math.max(0, ms) / 1000)
  }

  showStream({ clients, subscriptions, waitingBytes, lagMs, resyncs, recordsSent }: StreamStats): void {
    const stream = this.#stream
    stream.clients.set(clients)
    stream.subscriptions.set(subscriptions)
    stream.waiting.set(waitingBytes)
    stream.lag.set(lagMs / 1000)
    stream.resyncs.reset()
    stream.resyncs.inc(resyncs)
    stream.records.reset()
    stream.records.inc(recordsSent)
  }
}

function streamMetrics(registry: Registry) {
  const registers = [registry]
  return {
    clients: new Gauge({ name: 'troupe_stream_clients', help: 'Clients that are connected to the stream.', registers }),
    subscriptions: new Gauge({ name: 'troupe_stream_subscriptions', help: 'Subscriptions of all clients.', registers }),
    waiting: new Gauge({
      name: 'troupe_stream_waiting_bytes',
      help: 'What clients have not taken yet.',
      registers,
    }),
    lag: new Gauge({
      name: 'troupe_stream_lag_seconds',
      help: 'How old the oldest record is that a client has not been sent yet.',
      registers,
    }),
    resyncs: new Counter({
      name: 'troupe_stream_resyncs_total',
      help: 'How often a slow client was given the state in place of what it missed.',
      registers,
    }),
    records: new Counter({
      name: 'troupe_stream_records_total',
      help: 'Records that were sent, counted once a subscription.',
      registers,
    }),
  }
}
