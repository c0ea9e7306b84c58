import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ClientsSay, ClientsTask, ServerSays, ServerTask } from './stream-messages.ts'

/** A process of a benchmark, which is told what to do and says when it is done. */
class Worker<Task extends object, Says extends { readonly says: string }> {
  readonly #child: ChildProcess
  readonly #gone: Promise<never>

  constructor(file: URL, ...args: readonly string[]) {
    this.#child = fork(fileURLToPath(file), args)
    this.#gone = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`A process of the benchmark ended with ${code}.`)
    })
    this.#gone.catch(() => undefined)
  }

  async hear<S extends Says['says']>(says: S): Promise<Extract<Says, { says: S }>> {
    const heard = new Promise<Says>((resolve) => this.#child.once('message', (message) => resolve(message as Says)))
    const message = await Promise.race([heard, this.#gone])
    if (message.says !== says) throw new Error(`Expected '${says}', heard '${message.says}'.`)
    return message as Extract<Says, { says: S }>
  }

  ask<S extends Says['says']>(task: Task, says: S): Promise<Extract<Says, { says: S }>> {
    this.#child.send(task)
    return this.hear(says)
  }

  async end(): Promise<void> {
    this.#child.disconnect()
    await this.#gone.catch(() => undefined)
  }
}

function start(...args: readonly string[]) {
  return {
    server: new Worker<ServerTask, ServerSays>(new URL('./stream-server.ts', import.meta.url), ...args),
    clients: new Worker<ClientsTask, ClientsSay>(new URL('./stream-clients.ts', import.meta.url)),
  }
}

const round = (value: number) => Math.round(value * 10) / 10

/** Subscribers to one run, all of whom get every record: how long from durable to received, and what it costs the server. */
export async function measureStream(subscribers: number, perSecond: number, seconds: number) {
  const { server, clients } = start()
  const { port } = await server.hear('serving')
  await clients.ask({ do: 'subscribe', port, clients: subscribers }, 'ready')
  const emitted = await server.ask({ do: 'emit', perSecond, seconds }, 'emitted')
  const report = await clients.ask({ do: 'report', records: emitted.records }, 'received')
  await Promise.all([server.end(), clients.end()])
  return {
    subscribers,
    perSecond,
    seconds,
    records: emitted.records,
    received: report.received,
    missed: report.missed,
    repeated: report.repeated,
    resyncs: report.resyncs,
    recordsAFrame: round(report.received / report.frames),
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    maxMs: report.maxMs,
    serverRssMb: round(emitted.rssPeakMb),
    serverRssGrowthMb: round(emitted.rssPeakMb - emitted.rssBeforeMb),
    serverCpu: round(emitted.cpuMs / seconds / 1000),
  }
}

/** Frames a second to so many clients, by the stream and by a bare server that sends ready-made frames, in turns. */
export async function measureBroadcast(subscribers: number, frames: number, rounds: number) {
  const { server, clients } = start('0')
  const { port, barePort } = await server.hear('serving')
  const perSecond = { stream: [] as number[], bare: [] as number[] }
  const cpuUs = { stream: [] as number[], bare: [] as number[] }
  for (let turn = 0; turn <= rounds; turn++) {
    for (const through of turn % 2 === 0 ? (['stream', 'bare'] as const) : (['bare', 'stream'] as const)) {
      await clients.ask({ do: 'count', port: through === 'stream' ? port : barePort, clients: subscribers }, 'ready')
      const sent = await server.ask({ do: 'broadcast', through, frames }, 'sent')
      const { endedMs } = await clients.ask({ do: 'await', bytes: sent.bytes }, 'got')
      // The first round is a warm-up.
      if (turn === 0) continue
      perSecond[through].push((frames * subscribers * 1000) / (endedMs - sent.startedMs))
      cpuUs[through].push((sent.cpuMs * 1000) / (frames * subscribers))
    }
  }
  await Promise.all([server.end(), clients.end()])
  // Within a round both meet the same machine, whatever else it does.
  const ratios = perSecond.stream.map((stream, round) => stream / (perSecond.bare[round] ?? stream))
  return {
    subscribers,
    frames,
    rounds,
    framesPerSecond: Math.round(median(perSecond.stream)),
    bareFramesPerSecond: Math.round(median(perSecond.bare)),
    ratio: Math.round(median(ratios) * 100) / 100,
    cpuUsAFrame: round(median(cpuUs.stream)),
    bareCpuUsAFrame: round(median(cpuUs.bare)),
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
