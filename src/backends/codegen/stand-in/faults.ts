import type { IncomingMessage } from 'node:http'
import type { Context, MiddlewareHandler } from 'hono'
import { type Clock, sleep } from '../../../domain/clock.ts'
import { chance } from '../../../domain/seed.ts'

/** Names of the faults, in the order in which they strike. */
export const FAULT_NAMES = ['reset', 'error', 'slow', 'stale', 'answer-lost', 'garbage'] as const

/** Kind of trouble that the stand-in makes on demand. */
export type FaultName = (typeof FAULT_NAMES)[number]

/** Probability (0..1) of each fault for one request. */
export type Faults = Readonly<Record<FaultName, number>>

/** What a handler of the stand-in finds in its context. */
export interface StandInEnv {
  Bindings: {
    /** Called instead of an answer when the connection is to break; set by an injected fetch. */
    drop?: () => void
    /** Set by the HTTP server. */
    incoming?: IncomingMessage
  }
  Variables: {
    /** The time (ms) as of which reads answer. */
    asOf: number
    token: string
  }
}

/** Faults that can be changed at any time; which request they strike depends on the seed and the request's number alone. */
export interface FaultInjector {
  set(faults: Partial<Faults>): Faults
  readonly middleware: MiddlewareHandler<StandInEnv>
}

/** `firstRequest` is the number of the first request: after a restart others are struck than before. */
export function createFaults(options: {
  initial: Partial<Faults>
  clock: Clock
  seed: number
  firstRequest: number
}): FaultInjector {
  const { clock, seed } = options
  let faults: Faults = { ...NONE, ...options.initial }
  let requests = options.firstRequest

  const middleware: MiddlewareHandler<StandInEnv> = async (c, next) => {
    const number = requests++
    const roll = (word: string) => chance(seed, `fault/${word}/${number}`)
    const strikes = (name: FaultName) => roll(name) < faults[name]
    const changes = c.req.method !== 'GET'

    c.set('asOf', clock.now() - (!changes && strikes('stale') ? 1000 + Math.floor(7000 * roll('how-stale')) : 0))
    if (strikes('reset')) return drop(c, 'reset')
    const fails = strikes('error')
    // A gateway gives up on a request that was carried out as well as on one that never arrived.
    if (fails && !(changes && roll('error-after') < 0.5)) return serverError(roll('which-error'))
    const delay = strikes('slow') ? 5000 + Math.floor(25_000 * roll('how-slow')) : 0
    const isLost = changes && strikes('answer-lost')
    const isGarbled = strikes('garbage')
    await next()
    if (delay > 0) await sleep(clock, delay, c.req.raw.signal)
    if (fails) return replace(c, serverError(roll('which-error')))
    if (isLost) return replace(c, drop(c, 'close'))
    if (isGarbled && c.res.ok) return replace(c, garble(await c.res.text(), roll('how-garbled')))
  }

  return {
    middleware,
    set(change) {
      faults = { ...faults, ...change }
      return faults
    },
  }
}

const NONE: Faults = { reset: 0, error: 0, slow: 0, stale: 0, 'answer-lost': 0, garbage: 0 }

/** Hono merges the headers of an answer that is replaced; first emptied, it does not. */
function replace(c: Context<StandInEnv>, response: Response): void {
  c.res = undefined
  c.res = response
}

function drop(c: Context<StandInEnv>, how: 'reset' | 'close'): Response {
  const { drop: dropInProcess, incoming } = c.env
  if (dropInProcess) dropInProcess()
  else if (how === 'reset') incoming?.socket.resetAndDestroy()
  else incoming?.socket.destroy()
  return new Response(null, { status: 502 })
}

function serverError(roll: number): Response {
  if (roll < 1 / 3) return new Response('Internal Server Error', { status: 500 })
  if (roll < 2 / 3) {
    const page = '<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>'
    return new Response(page, { status: 502, headers: { 'content-type': 'text/html' } })
  }
  return Response.json({ message: 'Service Unavailable', status_code: 503 }, { status: 503 })
}

function garble(text: string, roll: number): Response {
  const headers = { 'content-type': 'application/json' }
  const body = roll < 0.5 ? text.slice(0, Math.ceil(text.length / 2)) : '<html><body>One moment, please.</body></html>'
  return new Response(body, { status: 200, headers })
}
