/** The process of the clients in the stream's benchmarks. */
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { RunRecord } from '../src/domain/record.ts'
import { quantile } from './quantile.ts'
import { type ClientsSay, type ClientsTask, RUN, sharedNow } from './stream-messages.ts'

const SUBSCRIBE = JSON.stringify({ type: 'subscribe', id: 's', runs: [RUN], after: 'now' })

function say(message: ClientsSay): void {
  process.send?.(message)
}

/** A client that looks at every record. */
class Subscriber {
  last = 0
  missed = 0
  repeated = 0
  resyncs = 0
  readonly #socket: WebSocket
  readonly ready: Promise<void>

  constructor(port: number, tell: (records: number, latencyMs: readonly number[]) => void) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'troupe.v1', { perMessageDeflate: false })
    this.#socket.on('open', () => this.#socket.send(SUBSCRIBE))
    this.ready = new Promise((resolve, reject) => {
      this.#socket.on('error', reject)
      this.#socket.on('message', (data) => {
        const now = sharedNow()
        const message = JSON.parse(String(data)) as { type: string; records?: readonly RunRecord[] }
        if (message.type === 'caught-up') resolve()
        if (message.type === 'resync') this.resyncs++
        const latencies: number[] = []
        for (const { seq, data: content } of message.records ?? []) {
          if (seq <= this.last) this.repeated++
          else this.missed += seq - this.last - 1
          this.last = Math.max(this.last, seq)
          latencies.push(now - Number(content?.['emittedMs']))
        }
        tell(latencies.length, latencies)
      })
    })
  }
}

let subscribers: Subscriber[] = []
let received = 0
let frames = 0
const latencies: number[] = []

async function subscribe(port: number, clients: number): Promise<void> {
  subscribers = []
  for (let n = 0; n < clients; n++) {
    const subscriber = new Subscriber(port, (records, ms) => {
      received += records
      if (records > 0) frames++
      latencies.push(...ms)
    })
    await subscriber.ready
    subscribers.push(subscriber)
  }
  say({ says: 'ready' })
}

async function report(records: number): Promise<void> {
  const deadline = sharedNow() + 30_000
  while (sharedNow() < deadline && subscribers.some(({ last }) => last < records)) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const sum = (key: 'missed' | 'repeated' | 'resyncs') => subscribers.reduce((total, each) => total + each[key], 0)
  const never = subscribers.reduce((total, { last }) => total + records - last, 0)
  const { user, system } = process.cpuUsage()
  say({
    says: 'received',
    received,
    frames,
    missed: sum('missed') + never,
    repeated: sum('repeated'),
    resyncs: sum('resyncs'),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    cpuMs: (user + system) / 1000,
  })
}

/** A client that costs next to nothing: it counts bytes. */
class Counter {
  bytes = 0
  expected = Number.POSITIVE_INFINITY
  onEnough: () => void = () => undefined
  readonly socket: Socket
  readonly ready: Promise<void>

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    const handshake = [
      'GET /v1/stream HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: troupe.v1',
    ]
    this.socket.write(`${handshake.join('\r\n')}\r\n\r\n`)
    this.ready = new Promise((resolve, reject) => {
      this.socket.on('error', reject)
      this.socket.once('data', () => {
        const payload = Buffer.from(SUBSCRIBE)
        // A text frame, masked with zeros.
        this.socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
        this.socket.on('data', (chunk) => {
          this.bytes += chunk.length
          if (this.bytes >= this.expected) this.onEnough()
        })
        setTimeout(resolve, 300)
      })
    })
  }
}

let counters: Counter[] = []

async function count(port: number, clients: number): Promise<void> {
  for (const { socket } of counters) socket.destroy()
  counters = Array.from({ length: clients }, () => new Counter(port))
  await Promise.all(counters.map(({ ready }) => ready))
  for (const counter of counters) counter.bytes = 0
  say({ says: 'ready' })
}

async function awaitBytes(bytes: number): Promise<void> {
  await Promise.all(
    counters.map(
      (counter) =>
        new Promise<void>((resolve) => {
          counter.expected = bytes
          counter.onEnough = resolve
          if (counter.bytes >= bytes) resolve()
        }),
    ),
  )
  const endedMs = sharedNow()
  for (const counter of counters) {
    counter.bytes = 0
    counter.expected = Number.POSITIVE_INFINITY
  }
  say({ says: 'got', endedMs })
}

process.on('message', (task: ClientsTask) => {
  if (task.do === 'subscribe') void subscribe(task.port, task.clients)
  else if (task.do === 'report') void report(task.records)
  else if (task.do === 'count') void count(task.port, task.clients)
  else void awaitBytes(task.bytes)
})
process.on('disconnect', () => process.exit())
