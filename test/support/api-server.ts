import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { onTestFinished } from 'vitest'
import { OWNER } from '../../src/api/access.ts'
import { createRoutes } from '../../src/api/routes.ts'
import { createRunAdmission } from '../../src/api/run-admission.ts'
import { createRunViews } from '../../src/api/run-views.ts'
import { createRecordStream, type RecordStream, type RecordStreamOptions } from '../../src/api/stream.ts'
import { FakeOrchestrator } from './fake-orchestrator.ts'

/** Routes and stream of a fake orchestrator on a free port, without anything that keeps somebody out. */
export interface ApiServer {
  readonly url: string
  readonly orchestrator: FakeOrchestrator
  readonly stream: RecordStream
  /** Breaks every connection that there is now. */
  cut(): void
  /** Ends it as a process that dies does; `again` serves the same runs on the same port. */
  kill(): Promise<void>
  again(): Promise<void>
}

/** How an API is served. */
export interface ApiServerOptions {
  readonly stream?: RecordStreamOptions
  /** Folder of workflow files that may be started by name. */
  readonly workflows?: string
  /** Called with each request before it is answered; true: it was answered by the test. */
  readonly intercept?: (request: IncomingMessage) => boolean
}

/** Listens until the test is over. */
export async function serveApi({ stream: bounds, workflows, intercept }: ApiServerOptions = {}): Promise<ApiServer> {
  const orchestrator = new FakeOrchestrator()
  const views = createRunViews(orchestrator, orchestrator.reader())
  const stream = createRecordStream(Promise.resolve({ orchestrator, views }), bounds)
  const closing = new AbortController()
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.route(
    '/',
    createRoutes({
      orchestrator,
      views,
      admission: createRunAdmission(),
      closing: closing.signal,
      trusted: false,
      version: '1.2.3',
      ...(workflows === undefined ? {} : { workflows }),
    }),
  )
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  const connections = new Set<Socket>()
  let server: Server | undefined
  let port = 0
  const listen = async () => {
    const listening = createServer((request, response) => {
      if (intercept?.(request) !== true) void listener(request, response)
    })
    listening.on('connection', (socket) => {
      connections.add(socket)
      socket.on('close', () => connections.delete(socket))
    })
    listening.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      stream.upgrade(request, socket, head, OWNER),
    )
    await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve))
    port = (listening.address() as AddressInfo).port
    server = listening
  }
  const cut = () => {
    for (const socket of connections) socket.destroy()
  }
  const kill = async () => {
    const dying = server
    server = undefined
    if (!dying) return
    const closed = new Promise((resolve) => dying.close(resolve))
    cut()
    await closed
  }
  await listen()
  onTestFinished(async () => {
    stream.close()
    await kill()
  })
  return { url: `http://127.0.0.1:${port}`, orchestrator, stream, cut, kill, again: listen }
}
