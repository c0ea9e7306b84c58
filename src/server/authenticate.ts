import type { IncomingMessage } from 'node:http'
import type { Access } from '../api/access.ts'
import { ApiError } from '../api/errors.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { RequestTarget } from './request-target.ts'
import type { Tickets } from './tickets.ts'

/** Where the ticket stands among the subprotocols that a browser offers. */
export const TICKET_PROTOCOL = 'troupe.ticket.'

/** What a server knows of who may come in. */
export interface AuthenticatorOptions {
  readonly tokens: AccessTokens
  readonly tickets: Tickets
  readonly attempts: FailedAttempts
  /** Told of a wrong token, and whether it was one too many. */
  readonly onWrong: (address: string, tooMany: boolean) => void
}

/** Where tickets are taken instead of a token. */
export type TicketPlace = 'query' | 'protocol' | 'nowhere'

/**
 * Who asks, and what they may do; undefined for somebody who shows nothing although a token is needed.
 *
 * @throws ApiError `unauthorized`, or `too-many-attempts` for an address from which too many wrong tokens came
 */
export type Authenticate = (request: IncomingMessage, target: RequestTarget, ticket: TicketPlace) => Access | undefined

const LOCAL: Access = { may: 'command', via: 'rest' }

/** A good token always opens; only wrong ones are counted. */
export function createAuthenticate({ tokens, tickets, attempts, onWrong }: AuthenticatorOptions): Authenticate {
  const refuse = (request: IncomingMessage, what: string): never => {
    const address = request.socket.remoteAddress ?? ''
    const wait = attempts.add(address)
    onWrong(address, wait !== undefined)
    if (wait === undefined) throw new ApiError('unauthorized', `${what} is not known here.`)
    throw new ApiError('too-many-attempts', `Too many wrong tokens came from this address. Try again in ${wait} s.`, {
      retryAfter: wait,
    })
  }
  return (request, target, place) => {
    if (!tokens.required) return LOCAL
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
      return (token === undefined ? undefined : tokens.find(token)) ?? refuse(request, 'The token')
    }
    const ticket = ticketOf(request, target, place)
    if (ticket === undefined) return undefined
    return tickets.redeem(ticket) ?? refuse(request, 'The ticket, good once and for 30 s,')
  }
}

/** For whoever has to show a token and did not. */
export function unauthorized(): ApiError {
  return new ApiError('unauthorized', 'A token is needed: send the header Authorization: Bearer TOKEN.')
}

function ticketOf({ headers }: IncomingMessage, { query }: RequestTarget, place: TicketPlace): string | undefined {
  if (place === 'query') return query.get('ticket') ?? undefined
  if (place === 'nowhere') return undefined
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return offered.find((name) => name.startsWith(TICKET_PROTOCOL))?.slice(TICKET_PROTOCOL.length)
}
