import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { DataFolderReader, Orchestrator } from '../domain/orchestration.ts'
import { errorBody, httpStatusOf, stopping } from './errors.ts'
import { createRoutes } from './routes.ts'
import { createRunAdmission, type RunAdmission } from './run-admission.ts'
import { createRunViews, type Served } from './run-views.ts'
import { serveStream } from './stream.ts'

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
  const admission = createRunAdmission()
  const closing = new AbortController()
  const routes = ready.then((served) => createRoutes({ ...served, admission, closing: closing.signal }))
  routes.catch(() => undefined)

  const app = new Hono()
  app.onError((error, c) => c.json(errorBody(error), httpStatusOf(error)))
  app.get('/healthz', (c) => c.json({ status: 'ok', pid: process.pid }))
  app.all('*', async (c) => (await routes).fetch(c.req.raw, c.env))

  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  const stream = serveStream(server, ready)
  const refuse = () => {
    admission.refuse()
    closing.abort()
  }
  return {
    server,
    admission,
    attach: (orchestrator, reader) => attach({ orchestrator, views: createRunViews(orchestrator, reader) }),
    refuse,
    farewell() {
      refuse()
      giveUp(stopping())
      stream.close()
    },
  }
}
