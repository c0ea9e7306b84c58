import { Hono } from 'hono'
import { type Clock, sleep } from '../domain/clock.ts'
import type { FolderHealth } from '../domain/measure.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { realClock } from '../host/clock.ts'
import { createScrub } from './scrub.ts'

/** What health is told of. */
export interface HealthOptions {
  readonly orchestrator: Pick<Orchestrator, 'health'>
  /** Whether the server is about to end. */
  readonly draining: () => boolean
  /** Whether unfinished runs were taken up again; absent: they were before there was a server. */
  readonly restored?: () => boolean
  readonly version: string
  readonly clock?: Clock
}

const PATIENCE_MS = 2000
const LATE = `The data folder did not answer within ${PATIENCE_MS / 1000} s.`

/**
 * `/healthz` says that the process answers. `/readyz` says whether work may be given to it: 200 or 503. A backend that cannot be
 * reached is told and makes nothing unready, since its work waits.
 */
export function healthRoutes(options: HealthOptions): Hono {
  const { draining, restored = () => true, version } = options
  const ask = createHealthQuestion(options.orchestrator, options.clock ?? realClock)
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.header('cache-control', 'no-store')
  })
  app.get('/healthz', (c) => c.json({ status: 'ok', pid: process.pid, version }))
  app.get('/readyz', async (c) => {
    const known = { restored: restored(), draining: draining() }
    const { writable, problem, backends } = await ask()
    const ready = known.restored && !known.draining && writable
    const why = problem === undefined ? {} : { problem }
    return c.json({ status: ready ? 'ready' : 'not-ready', ...known, writable, ...why, backends }, ready ? 200 : 503)
  })
  return app
}

/** Asks for health; one question at a time, however many wait for it, and none longer than two seconds. */
function createHealthQuestion(orchestrator: Pick<Orchestrator, 'health'>, clock: Clock): () => Promise<FolderHealth> {
  const scrub = createScrub()
  let asked: Promise<FolderHealth> | undefined
  const ask = () => {
    asked ??= askOnce(orchestrator)
      .then((health) => withoutSecrets(health, scrub))
      .finally(() => {
        asked = undefined
      })
    return asked
  }
  return async () => {
    const over = new AbortController()
    const late = sleep(clock, PATIENCE_MS, over.signal).then(() => unknownHealth(LATE))
    late.catch(() => undefined)
    try {
      return await Promise.race([ask(), late])
    } catch (error) {
      return unknownHealth(scrub(error instanceof Error ? error.message : String(error)))
    } finally {
      over.abort()
    }
  }
}

async function askOnce(orchestrator: Pick<Orchestrator, 'health'>): Promise<FolderHealth> {
  return orchestrator.health()
}

function withoutSecrets(health: FolderHealth, scrub: (text: string) => string): FolderHealth {
  const backends = Object.entries(health.backends).map(([account, { message, ...rest }]) => [
    account,
    { ...rest, ...(message === undefined ? {} : { message: scrub(message) }) },
  ])
  const problem = health.problem === undefined ? {} : { problem: scrub(health.problem) }
  return { writable: health.writable, ...problem, backends: Object.fromEntries(backends) }
}

function unknownHealth(problem: string): FolderHealth {
  return { writable: false, problem, backends: {} }
}
