import { createRoutes } from '../api/routes.ts'
import { createRunAdmission } from '../api/run-admission.ts'
import { createRunViews } from '../api/run-views.ts'
import { createRecordStream, type RecordStream } from '../api/stream.ts'
import { createCodegenWebhook } from '../backends/codegen/webhook.ts'
import { openDataFolderReader } from '../data-folder-reader.ts'
import type { Clock } from '../domain/clock.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { troupeVersion } from '../version.ts'
import type { AccessTokens } from './access-tokens.ts'
import { createApp } from './app.ts'
import { auditCommands, auditRequest } from './audit.ts'
import { createAuthenticate } from './authenticate.ts'
import { createFailedAttempts, type FailedAttempts } from './failed-attempts.ts'
import { healthRoutes } from './health-routes.ts'
import { type BoundedServer, createBoundedServer, HTTP_BOUNDS } from './http-server.ts'
import { createInspector, INSPECT_PATH, type Inspector } from './inspector.ts'
import { createLetIn, type LetIn } from './let-in.ts'
import type { Log } from './log.ts'
import { machineRoutes } from './machine-pages.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type Answered, createRequestListener } from './request-listener.ts'
import { createRequestSite } from './request-site.ts'
import { routeName } from './route-names.ts'
import type { ServeOptions, ServeParts } from './serve-options.ts'
import { createTickets, type Tickets } from './tickets.ts'
import { createUpgrades } from './upgrades.ts'

/** How the parts of a server are made. */
export interface AssemblyOptions extends Omit<ServeOptions, 'tokens' | 'port'>, ServeParts {
  readonly host: string
  readonly tokens: AccessTokens
  readonly log: Log
  readonly clock: Clock
}

/** What is kept for clients that are there, or were there. */
export interface KeptSizes {
  readonly connections: number
  readonly tickets: number
  /** Addresses that wrong tokens came from. */
  readonly suspects: number
  readonly streams: number
}

/** The parts of a server, joined. It does not listen yet. */
export interface Assembly {
  readonly bounded: BoundedServer
  /** See `TroupeServer.drain`. */
  drain(): void
  /** Drains, and lets go of what it listens to itself. */
  end(): void
  sizes(): KeptSizes
}

interface Parts {
  readonly orchestrator: Orchestrator
  readonly stream: RecordStream
  readonly metrics: Metrics
  readonly inspector: Inspector | undefined
  readonly tickets: Tickets
  readonly attempts: FailedAttempts
  readonly letIn: LetIn
  readonly ready: Promise<void>
  /** Aborted once the server drains. */
  readonly closing: AbortController
  /** Tells the log of what nobody foresaw. */
  readonly failed: (error: unknown) => void
}

/** Makes every part of a server. Throws UsageError for allowed hosts and origins that cannot be any. */
export function assemble(given: Orchestrator, options: AssemblyOptions): Assembly {
  const views = options.views ?? createRunViews(given, openDataFolderReader(given.dataDir))
  const admission = options.admission ?? createRunAdmission()
  const parts = createParts(given, { ...options, views })
  const { stream, metrics, inspector, tickets, attempts, letIn, ready, closing, failed } = parts
  const bounded = createBoundedServer(
    {
      request: createRequestListener({
        letIn,
        fetch: createFetch(parts, { ...options, views, admission }),
        began: () => tellEnd(metrics, options),
      }),
      upgrade: createUpgrades({
        letIn,
        stream,
        others: new Map(inspector ? [[INSPECT_PATH, (...words) => inspector.upgrade(...words)]] : []),
        ready,
        draining: () => closing.signal.aborted,
        failed,
      }),
    },
    { ...HTTP_BOUNDS, ...options.bounds, ...(options.maxConnections && { maxConnections: options.maxConnections }) },
  )
  const drain = () => {
    if (closing.signal.aborted) return
    admission.refuse()
    closing.abort()
    stream.close()
    inspector?.close()
  }
  const end = () => {
    drain()
    metrics.close()
  }
  const sizes = () => ({
    connections: bounded.connections(),
    tickets: tickets.size,
    suspects: attempts.size,
    streams: stream.stats().clients,
  })
  return { bounded, drain, end, sizes }
}

function createParts(given: Orchestrator, options: AssemblyOptions & Required<Pick<ServeParts, 'views'>>): Parts {
  const { clock, log, tokens, views, ready = Promise.resolve() } = options
  const orchestrator = auditCommands(given, log)
  const stream = createRecordStream(Promise.resolve({ orchestrator, views }), { clock })
  const tickets = createTickets({ clock })
  const attempts = createFailedAttempts({ clock })
  const onWrong = (address: string, tooMany: boolean) =>
    log[tooMany ? 'debug' : 'warn']({ address }, 'Somebody showed a token or ticket that is not known.')
  const site = createRequestSite({
    host: options.host,
    allowedHosts: options.allowedHosts ?? [],
    allowedOrigins: options.allowedOrigins ?? [],
  })
  const maxHeaders = options.bounds?.maxHeaders ?? HTTP_BOUNDS.maxHeaders
  return {
    orchestrator,
    stream,
    metrics: createMetrics({ orchestrator: given, stream: () => stream.stats(), clock }),
    inspector: options.inspect ? createInspector({ orchestrator: given, clock }) : undefined,
    tickets,
    attempts,
    letIn: createLetIn(site, createAuthenticate({ tokens, tickets, attempts, onWrong }), maxHeaders),
    ready,
    closing: new AbortController(),
    failed: (error) => log.error({ err: error }, 'Something inside failed; whoever asked was not told what.'),
  }
}

function createFetch(parts: Parts, options: AssemblyOptions & Required<Pick<ServeParts, 'views' | 'admission'>>) {
  const { orchestrator, stream, metrics, inspector, tickets, ready, closing, failed } = parts
  const version = troupeVersion()
  let restored = false
  void ready.then(() => {
    restored = true
  })
  return createApp({
    routes: createRoutes({
      orchestrator,
      views: options.views,
      admission: options.admission,
      closing: closing.signal,
      trusted: false,
      version,
      events: (request, access) => stream.events(request, access),
      onError: failed,
      ...(options.workflows === undefined ? {} : { workflows: options.workflows }),
      allowLocal: options.local === true,
    }),
    health: healthRoutes({
      orchestrator,
      draining: () => closing.signal.aborted,
      restored: () => restored,
      version,
      clock: options.clock,
    }),
    pages: [machineRoutes(), ...(inspector ? [inspector.routes] : [])],
    metrics,
    tickets,
    webhook: createCodegenWebhook({
      ...options.webhook,
      clock: options.clock,
      wake: (id) => orchestrator.hint('codegen', id),
      ignored: (why) => options.log.debug({ why }, 'A signed webhook of Codegen was of no use.'),
    }),
    failed,
    ready,
    terse: options.tokens.required,
  })
}

function tellEnd(metrics: Metrics, { clock, log }: AssemblyOptions): (answered: Answered) => void {
  const since = clock.now()
  return (answered) => {
    const { method, path, status, access } = answered
    const ms = clock.now() - since
    const who = access?.who === undefined ? {} : { who: access.who }
    metrics.request(method, routeName(path), status, ms)
    log.debug({ method, path, status, ms, ...who }, 'A request ended.')
    auditRequest(log, answered)
  }
}
