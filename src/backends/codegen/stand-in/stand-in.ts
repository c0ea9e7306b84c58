import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import type { Clock } from '../../../domain/clock.ts'
import type { RateLimit } from '../../../domain/workflow.ts'
import { addAccountRoutes, isModel } from './account-routes.ts'
import { addAgentRoutes } from './agent-routes.ts'
import { hasEnded } from './agent-state.ts'
import { createAnswers } from './answers.ts'
import { type ErrorShape, refusal } from './errors.ts'
import { createFaults, FAULT_NAMES, type FaultInjector, type Faults, type StandInEnv } from './faults.ts'
import { createGate } from './gate.ts'
import { createInjectedFetch } from './injected-fetch.ts'
import { readBody } from './input.ts'
import { type LimitName, RateWindows } from './rate-windows.ts'
import { StandInRuns } from './runs.ts'
import { createMemoryStore, type StandInStore } from './store.ts'
import { addWebhookRoutes } from './webhook-routes.ts'
import { createWebhookCaller, type WebhookOptions } from './webhooks.ts'

/** How a stand-in behaves. */
export interface StandInOptions {
  readonly clock: Clock
  /** Default 1. */
  readonly seed?: number
  /** Divides how long agents work, never windows. Default 1. */
  readonly speed?: number
  /** Default: memory. Closed with the stand-in. */
  readonly store?: StandInStore
  /** In place of the documented limits. */
  readonly limits?: Partial<Record<LimitName, RateLimit>>
  readonly faults?: Partial<Faults>
  /** 402 once this many runs were created. */
  readonly quota?: number
  /** Host of the links. Default `stand-in.invalid`. */
  readonly host?: string
  /** Send Retry-After with a 429. */
  readonly retryAfter?: boolean
  readonly errorShape?: ErrorShape
  /** False: runs are listed without the metadata they were created with. */
  readonly keepMetadata?: boolean
  /** Full names of the repositories of the organization; ids count from 1. */
  readonly repositories?: readonly string[]
  /** Refuses a model and a repository that it does not list. Default: takes any. */
  readonly strict?: boolean
  /** Without them no webhook is called. */
  readonly webhooks?: WebhookOptions
}

/** The Codegen API as it behaves, with agents that follow a scenario. */
export interface StandIn {
  readonly app: Hono<StandInEnv>
  /** Use it as `fetch`, without a socket. A broken connection is the TypeError that fetch throws. */
  fetch(input: Request | URL | string, init?: RequestInit): Promise<Response>
  /** How often each RUN/TASK/ATTEMPT was created. */
  creations(): Record<string, number>
  /** How often each RUN/TASK/ATTEMPT/TURN was prompted; the create is a turn too. */
  turns(): Record<string, number>
  /** How many requests each limit refused with 429. */
  refusals(): Record<string, number>
  /** Changes those named. */
  setFaults(faults: Partial<Faults>): void
  /** How many creations the plan allows from now on, those made included. */
  setQuota(quota: number): void
  /** Repositories that the organization has from now on. */
  addRepositories(names: readonly string[]): void
  /** Stops webhooks and closes the store. Agents go on when it is opened again. */
  close(): Promise<void>
}

/** Makes a stand-in; what its store holds is there again. */
export function createStandIn(options: StandInOptions): StandIn {
  const { clock, seed = 1, speed = 1, store = createMemoryStore(), errorShape: shape = 'message' } = options
  const { host = 'stand-in.invalid', keepMetadata = true, retryAfter = false } = options
  const repositories = new Set(options.repositories ?? DEFAULT_REPOSITORIES)
  let quota = options.quota ?? Infinity
  const runs = new StandInRuns(store, { seed, speed })
  const windows = new RateWindows(options.limits ?? {})
  const faults = createFaults({ initial: options.faults ?? {}, clock, seed, firstRequest: store.past.length })
  const webhooks = createWebhookCaller(options.webhooks, clock, () => runs.webhookConfig)
  for (const run of runs.list()) if (!hasEnded(run, clock.now())) webhooks.watch(run)

  const app = createApp(shape)
  const gate = createGate({ clock, windows, shape, retryAfter })
  const answers = createAnswers({ host, keepMetadata })
  addOwnRoutes(app, runs, faults)
  app.use('/v1/*', faults.middleware, gate.authenticate)
  app.use('/v1/organizations/:org_id/*', gate.ownOrganization)
  app.use('/v1/alpha/organizations/:org_id/*', gate.ownOrganization)
  const knows = options.strict
    ? { model: isModel, repository: (id: number) => id >= 1 && id <= repositories.size }
    : ANY
  addAgentRoutes(app, { runs, answers, gate, clock, shape, quota: () => quota, knows, onChange: webhooks.watch })
  addAccountRoutes(app, { gate, shape, repositories: () => [...repositories] })
  addWebhookRoutes(app, { gate, runs, clock, webhooks })

  return {
    app,
    fetch: createInjectedFetch(app),
    creations: () => runs.creations(),
    turns: () => runs.turns(),
    refusals: () => windows.refusals(),
    setFaults: (change) => {
      faults.set(change)
    },
    setQuota: (count) => {
      quota = count
    },
    addRepositories: (names) => {
      for (const name of names) repositories.add(name)
    },
    async close() {
      webhooks.close()
      await store.close()
    },
  }
}

function createApp(shape: ErrorShape): Hono<StandInEnv> {
  const app = new Hono<StandInEnv>()
  app.onError((error) => {
    if (error instanceof HTTPException) return error.getResponse()
    return refusal(500, shape, { message: error.message }).getResponse()
  })
  app.notFound((c) => c.json({ detail: 'Not Found' }, 404))
  return app
}

/** What tests and people ask about the stand-in itself: no token, no faults. */
function addOwnRoutes(app: Hono<StandInEnv>, runs: StandInRuns, faults: FaultInjector): void {
  app.get('/_stand-in/creations', (c) => c.json(runs.creations()))
  app.get('/_stand-in/turns', (c) => c.json(runs.turns()))
  app.put('/_stand-in/faults', async (c) => c.json(faults.set(await readBody(c, faultsBody))))
}

const ANY = { model: () => true, repository: () => true }
const DEFAULT_REPOSITORIES = ['acme/shop', 'acme/api', 'acme/docs']
const faultsBody = z.partialRecord(z.enum(FAULT_NAMES), z.number().min(0).max(1))
