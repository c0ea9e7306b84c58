import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { OWNER } from '../src/api/access.ts'
import { createRecordStream } from '../src/api/stream.ts'
import type { ServerMessage } from '../src/api/stream-messages.ts'
import { publicRecord, type RunRecord } from '../src/domain/record.ts'
import { chance } from '../src/domain/seed.ts'
import { realClock } from '../src/host/clock.ts'
import { openJournal } from '../src/host/journal.ts'
import { readRecords } from '../src/host/journal-reader.ts'
import { quantile } from './quantile.ts'
import { SyntheticRun } from './stream-source.ts'

/** As a run's journal does. */
const SEGMENT_BYTES = 4 * 1024 * 1024
const MAX_GROUP = 6
/** A client is cut after this many messages at most; after none, it is cut before it hears anything. */
const MOST_MESSAGES = 4

/** A run on a real disk that goes on and on, served over real sockets. */
async function serveJournal(folder: string) {
  const journal = openJournal({ folder, clock: realClock, firstSeq: 1 })
  const made = new SyntheticRun()
  const view = () => ({ ...made.source.views.carried(made.run), seq: journal.committedSeq })
  const listeners = new Set<(run: string, records: readonly RunRecord[]) => void>()
  journal.onCommit((records) => {
    for (const listener of listeners) listener(made.run, records.map(publicRecord))
  })
  const stream = createRecordStream(
    Promise.resolve({
      orchestrator: {
        ...made.source.orchestrator,
        records: async (_run: string, after: number, limit?: number) => {
          const records = await readRecords(folder, after, limit)
          return records.filter(({ seq }) => seq <= journal.committedSeq).map(publicRecord)
        },
        subscribe: (listener: (run: string, records: readonly RunRecord[]) => void) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
      views: { carried: () => view() as never, read: async () => view() as never },
    }),
  )
  const server = createServer()
  server.on('upgrade', (request, socket, head) => stream.upgrade(request, socket, head, OWNER))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const append = (count: number) => {
    for (const record of made.make(count)) journal.append(record)
    if (journal.tailBytes > SEGMENT_BYTES) journal.rotate()
  }
  const close = async () => {
    stream.close()
    server.close()
    server.closeAllConnections()
    await journal.close()
  }
  return { port: (server.address() as AddressInfo).port, run: made.run, append, close, journal, stats: stream.stats }
}

/** What a client has seen over all its connections. */
interface Seen {
  cursor: string
  last: number
  missed: number
  repeated: number
  resyncs: number
}

/** Connects with the last cursor and is cut off after so many messages; gives how long the first took. */
function connectUntilCut(port: number, runs: readonly string[], seen: Seen, messages: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    let firstMs = 0
    let heard = 0
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'troupe.v1')
    const cut = () => {
      socket.removeAllListeners('message')
      socket.terminate()
      resolve(firstMs)
    }
    socket.on('error', reject)
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'subscribe', id: 's', runs, after: seen.cursor }))
      if (messages === 0) cut()
    })
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage
      if (!('cursor' in message)) return
      if (heard++ === 0) firstMs = performance.now() - started
      take(seen, message)
      if (heard === messages) cut()
    })
  })
}

function take(seen: Seen, message: Extract<ServerMessage, { cursor: string }>): void {
  seen.cursor = message.cursor
  if (message.type === 'resync') seen.resyncs++
  if (message.type !== 'records') return
  for (const { seq } of message.records) {
    if (seq <= seen.last) seen.repeated++
    else seen.missed += seq - seen.last - 1
    seen.last = Math.max(seen.last, seq)
  }
}

/** A client that is cut off again and again while its run goes on, wherever it is: does it get exactly the rest each time? */
export async function measureReconnect(cuts: number) {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const served = await serveJournal(folder)
  let over = false
  const emitting = (async () => {
    for (let n = 0; !over; n++) {
      served.append(1 + Math.floor(chance(n, 'group') * MAX_GROUP))
      await pause(1)
    }
  })()
  const clients = [
    { runs: [served.run], seen: { cursor: 'start', last: 0, missed: 0, repeated: 0, resyncs: 0 } },
    { runs: ['*'], seen: { cursor: 'start', last: 0, missed: 0, repeated: 0, resyncs: 0 } },
  ]
  const firsts: number[] = []
  const started = performance.now()
  try {
    const follow = async ({ runs, seen }: (typeof clients)[number]) => {
      for (let cut = 0; cut < cuts / clients.length; cut++) {
        const messages = Math.floor(chance(cut, runs.join()) * (MOST_MESSAGES + 1))
        const firstMs = await connectUntilCut(served.port, runs, seen, messages)
        if (messages > 0) firsts.push(firstMs)
      }
    }
    await Promise.all(clients.map(follow))
    over = true
    await emitting
    await served.journal.committed(served.journal.lastSeq)
    for (const { runs, seen } of clients) {
      while (seen.last < served.journal.lastSeq) await connectUntilCut(served.port, runs, seen, 1)
    }
  } finally {
    over = true
    await served.close()
    await rm(folder, { recursive: true, force: true })
  }
  const sum = (key: 'missed' | 'repeated' | 'resyncs') => clients.reduce((total, { seen }) => total + seen[key], 0)
  return {
    cuts,
    records: served.journal.lastSeq,
    missed: sum('missed'),
    repeated: sum('repeated'),
    resyncs: sum('resyncs'),
    firstMessageP50Ms: quantile(firsts, 0.5),
    firstMessageP99Ms: quantile(firsts, 0.99),
    seconds: Math.round((performance.now() - started) / 1000),
    clientsLeft: served.stats().clients,
  }
}
