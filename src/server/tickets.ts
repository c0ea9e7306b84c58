import { createHash, randomBytes } from 'node:crypto'
import type { Access } from '../api/access.ts'
import { ApiError } from '../api/errors.ts'
import type { Clock } from '../domain/clock.ts'

/** A secret that is good once and soon not at all: browsers cannot put a token into the header of a WebSocket. */
export interface Ticket {
  readonly ticket: string
  /** ISO 8601, UTC. */
  readonly expiresAt: string
}

/** The tickets that were given out and not used yet. */
export interface Tickets {
  /** Throws ApiError `too-many-attempts` while too many are unused. */
  issue(access: Access): Ticket
  /** What the ticket's owner may do, once; undefined when it was used, is too old or was never given out. */
  redeem(ticket: string): Access | undefined
  readonly size: number
}

const LIFETIME_MS = 30_000
const MOST = 1000

/** Keeps digests only, and no more than 1,000. */
export function createTickets({ clock }: { readonly clock: Pick<Clock, 'now'> }): Tickets {
  const open = new Map<string, { readonly access: Access; readonly until: number }>()
  // All live equally long, so the map is in the order in which they end.
  const forgetOld = (now: number) => {
    for (const [digest, { until }] of open) {
      if (until > now) return
      open.delete(digest)
    }
  }
  return {
    get size() {
      return open.size
    },
    issue(access) {
      const now = clock.now()
      forgetOld(now)
      if (open.size >= MOST) {
        throw new ApiError('too-many-attempts', `There are ${MOST} unused tickets. Wait until some were used.`, {
          retryAfter: 1,
        })
      }
      const ticket = randomBytes(32).toString('base64url')
      open.set(digestOf(ticket), { access, until: now + LIFETIME_MS })
      return { ticket, expiresAt: new Date(now + LIFETIME_MS).toISOString() }
    },
    redeem(ticket) {
      const digest = digestOf(ticket)
      const found = open.get(digest)
      open.delete(digest)
      return found && found.until > clock.now() ? found.access : undefined
    },
  }
}

function digestOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('hex')
}
