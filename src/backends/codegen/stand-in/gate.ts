import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../../../domain/clock.ts'
import { ORGANIZATION_ID } from './answers.ts'
import { type ErrorShape, refusal } from './errors.ts'
import type { StandInEnv } from './faults.ts'
import { pathInteger } from './input.ts'
import type { LimitName, RateWindows } from './rate-windows.ts'

/** What a request passes before its handler. */
export interface Gate {
  /** 401 without a bearer token; any will do. */
  readonly authenticate: MiddlewareHandler<StandInEnv>
  /** 403 for an organization that is not the token's. */
  readonly ownOrganization: MiddlewareHandler<StandInEnv>
  /** 429 when the window is full, by the time of arrival. */
  limited(name: LimitName): MiddlewareHandler<StandInEnv>
}

export function createGate(options: {
  clock: Clock
  windows: RateWindows
  shape: ErrorShape
  retryAfter: boolean
}): Gate {
  const { clock, windows, shape, retryAfter } = options
  return {
    async authenticate(c, next) {
      const token = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
      if (token === undefined) throw refusal(401, shape)
      c.set('token', token)
      await next()
    },
    async ownOrganization(c, next) {
      if (pathInteger(c, 'org_id') !== ORGANIZATION_ID) throw refusal(403, shape)
      await next()
    },
    limited(name) {
      const names: readonly LimitName[] = name === 'shared' ? [name] : [name, 'shared']
      return async (c, next) => {
        const wait = windows.take(c.get('token'), names, clock.now())
        if (wait > 0) {
          const headers = retryAfter ? { 'retry-after': String(Math.ceil(wait / 1000)) } : {}
          throw refusal(429, shape, { headers })
        }
        await next()
      }
    },
  }
}
