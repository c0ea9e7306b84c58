import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { NotFoundError } from '../domain/errors.ts'
import type { DataFolderReader, Orchestrator } from '../domain/orchestration.ts'
import { troupeVersion } from '../version.ts'
import { OWNER } from './access.ts'
import { admitReruns } from './admit-reruns.ts'
import { errorBody, httpStatusOf, stopping } from './errors.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'
import { type ApiEnv, createRoutes } from './routes.ts'
import { createRunAdmission, type RunAdmission } from './run-admission.ts'
import { createRunViews, type Served } from './run-views.ts'
import { createRecordStream } from './stream.ts'
import { STREAM_PATH } from './stream-messages.ts'

/** What the owner of the folder says at once: a task's result may be as large. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024

/** What a process that holds a data folder shows to the others on this machine. */
export interface ControlServer {
  /** Not listening yet: that is what takes the folder. Whoever made it listen closes it. */
  readonly server: Server
  readonly admission: RunAdmission
  /** Requests that came before are answered now. The reader tells of runs that the orchestrator does not carry. */
  attach(orchestrator: Orchestrator, reader: DataFolderReader): void
  /** Begins no run any more and sends away who waits for an outcome; the stream goes on, for the last records. */
  refuse(): void
  /** Takes leave of the stream's clients and of whoever waits for an orchestrator. */
  farewell(): void
}

/**
 * Makes the control server before there is an orchestrator, because the folder must be taken (by listening) before it is read.
 * Until {@link ControlServer.attach}, only `/healthz` is answered.
 */
export function createControlServer(): ControlServer {
  let attach: (served: Served) => void = () => undefined
  let giveUp: (reason: Error) => void = () => undefined
  const ready = new Promise<Served>((resolve, reject) => {
    attach = resolve
    giveUp = reject
  })
  const stream = createRecordStream(ready, { maxMessageBytes: MAX_MESSAGE_BYTES })
  const admission = createRunAdmission()
  const closing = new AbortController()
  const routes = ready.then((served) =>
    createRoutes({
      ...served,
      admission,
      closing: closing.signal,
      trusted: true,
      version: troupeVersion(),
      events: (request, access) => stream.events(request, access),
    }),
  )
  routes.catch(() => undefined)

  const app = new Hono<ApiEnv>()
  app.onError((error, c) => c.json(errorBody(error), httpStatusOf(error)))
  app.get('/healthz', (c) => c.json({ status: 'ok', pid: process.pid }))
  app.all('*', async (c) => (await routes).fetch(c.req.raw, c.env))

  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    if (path === STREAM_PATH) return stream.upgrade(request, socket, head, OWNER)
    socket.on('error', () => socket.destroy())
    refuseUpgrade(socket, new NotFoundError(`WebSocket ${path}`, `The stream is at ${STREAM_PATH}.`))
  })
  const refuse = () => {
    admission.refuse()
    closing.abort()
  }
  return {
    server,
    admission,
    attach: (orchestrator, reader) =>
      attach({
        orchestrator: admitReruns(orchestrator, admission),
        views: createRunViews(orchestrator, reader),
      }),
    refuse,
    farewell() {
      refuse()
      giveUp(stopping())
      stream.close()
    },
  }
}
