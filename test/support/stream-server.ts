import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { onTestFinished } from 'vitest'
import { type Access, OWNER } from '../../src/api/access.ts'
import { errorBody, httpStatusOf } from '../../src/api/errors.ts'
import { createRunViews, type Served } from '../../src/api/run-views.ts'
import { createRecordStream, type RecordStream, type RecordStreamOptions } from '../../src/api/stream.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { FakeOrchestrator, runView, taskView } from './fake-orchestrator.ts'
import { openStream, type StreamClient } from './stream-client.ts'

/** The run that a {@link StreamFixture} has from the start. */
export const RUN = 'run_1'

/** A stream on a real port, on virtual time. */
export interface StreamFixture {
  readonly orchestrator: FakeOrchestrator
  readonly stream: RecordStream
  readonly clock: VirtualClock
  readonly port: number
  /** The server's ends of the connections. */
  readonly sockets: ReadonlySet<Socket>
  open(): Promise<StreamClient>
  /** Attaches the orchestrator, where that was left for later. */
  attach(): void
  refuse(error: Error): void
}

export interface StreamFixtureOptions extends RecordStreamOptions {
  readonly access?: Access
  readonly attached?: boolean
  /** How many records {@link RUN} has. */
  readonly records?: number
}

/** Serves a stream of a fake orchestrator with one run that has a task `spec`. Records are not gathered unless it is said. */
export async function serveStream(options: StreamFixtureOptions = {}): Promise<StreamFixture> {
  const { access = OWNER, attached = true, records = 3, ...rest } = options
  const clock = createVirtualClock()
  const orchestrator = new FakeOrchestrator()
  const spec = taskView({ task: 'spec', state: 'running', commands: ['retry'] })
  orchestrator.add(runView({ run: RUN, tasks: [spec], commands: ['cancel'] }))
  if (records > 0) orchestrator.append(RUN, records)
  let attach: (served: Served) => void = () => undefined
  let refuse: (error: Error) => void = () => undefined
  const served = new Promise<Served>((resolve, reject) => {
    attach = resolve
    refuse = reject
  })
  const stream = createRecordStream(served, { clock, gatherMs: 0, ...rest })
  const answer = async (request: Request) => {
    try {
      return await stream.events(request, access)
    } catch (error) {
      return Response.json(errorBody(error), { status: httpStatusOf(error) })
    }
  }
  const server = createServer(getRequestListener(answer, { overrideGlobalObjects: false }))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    stream.upgrade(request, socket, head, access)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  const { port } = server.address() as AddressInfo
  const attachNow = () => attach({ orchestrator, views: createRunViews(orchestrator, orchestrator.reader()) })
  if (attached) attachNow()
  return { orchestrator, stream, clock, port, sockets, open: () => openStream(port), attach: attachNow, refuse }
}
