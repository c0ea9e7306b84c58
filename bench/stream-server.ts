/** The process that serves in the stream's benchmarks: the real stream over a run that is made up, and bare sockets beside it. */
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { OWNER } from '../src/api/access.ts'
import { createRecordStream } from '../src/api/stream.ts'
import { limitHeapGrowth } from '../src/host/heap-growth.ts'
import { type ServerSays, type ServerTask, sharedNow } from './stream-messages.ts'
import { SyntheticRun } from './stream-source.ts'

const MEGABYTE = 1024 * 1024
/** Records of one frame of a broadcast. */
const GROUP = 4
/** So much may wait for all clients together before a broadcast waits. */
const WAITING = 4 * MEGABYTE
const [gatherMs] = process.argv.slice(2)

limitHeapGrowth()
const run = new SyntheticRun()
const stream = createRecordStream(
  Promise.resolve(run.source),
  gatherMs === undefined ? {} : { gatherMs: Number(gatherMs) },
)
const sockets = new Set<Socket>()
const server = createServer()
server.on('upgrade', (request, socket, head) => stream.upgrade(request, socket, head, OWNER))
server.on('connection', (socket) => {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
})
const bareServer = createServer()
const bare = new WebSocketServer({ server: bareServer, perMessageDeflate: false })
bareServer.on('connection', (socket) => {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
})

async function listen(listening: typeof server): Promise<number> {
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return (listening.address() as AddressInfo).port
}

function say(message: ServerSays): void {
  process.send?.(message)
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function emit(perSecond: number, seconds: number): Promise<void> {
  const rss = () => process.memoryUsage.rss() / MEGABYTE
  let rssPeakMb = rss()
  const sampling = setInterval(() => {
    rssPeakMb = Math.max(rssPeakMb, rss())
  }, 100)
  const cpu = cpuMs()
  const first = run.seq
  const started = sharedNow()
  for (let due = 0; due < perSecond * seconds; ) {
    due = Math.min(perSecond * seconds, Math.floor(((sharedNow() - started) * perSecond) / 1000))
    // One by one: each is a commit of its own.
    while (run.seq - first < due) run.emit(1)
    await pause(1)
  }
  await pause(500)
  clearInterval(sampling)
  say({ says: 'emitted', records: run.seq, cpuMs: cpuMs() - cpu, rssBeforeMb, rssPeakMb })
}

async function broadcast(through: 'stream' | 'bare', frames: number): Promise<void> {
  const written = () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, 0)
  const waits = () => {
    let waiting = 0
    for (const socket of sockets) waiting += socket.writableLength
    return waiting > WAITING
  }
  const before = written()
  const clients = sockets.size
  const cpu = cpuMs()
  const startedMs = sharedNow()
  for (let frame = 0; frame < frames; frame++) {
    if (through === 'stream') run.emit(GROUP)
    else for (const client of bare.clients) (client as WebSocket).send(sample, { binary: false })
    // Microtasks run here, and so does the stream's flush.
    await Promise.resolve()
    if (frame % 16 === 15)
      do await turn()
      while (waits())
  }
  while (stream.stats().waitingBytes > 0 || [...sockets].some((socket) => socket.writableLength > 0)) await turn()
  say({ says: 'sent', bytes: (written() - before) / clients, cpuMs: cpuMs() - cpu, startedMs })
}

/** A frame as the stream sends it. */
async function sampleFrame(): Promise<Buffer> {
  const { messageForm } = await import('../src/api/frame-form.ts')
  const { cursorAfter } = await import('../src/api/cursor.ts')
  const other = new SyntheticRun()
  let text = ''
  other.source.orchestrator.subscribe((_run, records) => {
    text = JSON.stringify(records)
  })
  other.seq = 10_000
  other.emit(GROUP)
  return messageForm('s').records(cursorAfter(other.run, other.seq), text)
}

const sample = await sampleFrame()
const [port, barePort] = [await listen(server), await listen(bareServer)]
const rssBeforeMb = process.memoryUsage.rss() / MEGABYTE
process.on('message', (task: ServerTask) => {
  if (task.do === 'emit') void emit(task.perSecond, task.seconds)
  else void broadcast(task.through, task.frames)
})
process.on('disconnect', () => process.exit())
say({ says: 'serving', port, barePort })
