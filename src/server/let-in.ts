import type { IncomingMessage } from 'node:http'
import { type Access, demandCommand } from '../api/access.ts'
import { ApiError } from '../api/errors.ts'
import { CODEGEN_WEBHOOK_PATH } from '../backends/codegen/webhook-signature.ts'
import { type Authenticate, unauthorized } from './authenticate.ts'
import type { RequestSite } from './request-site.ts'
import { type RequestTarget, readTarget } from './request-target.ts'

/** Where tickets are made. */
export const TICKETS_PATH = '/v1/tickets'
/** Where records come as server-sent events; the browser's client for them sends no header. */
const EVENTS_PATH = '/v1/events'

/** Pages and what they consist of, the description of the API, and whether the server lives: none tells of a run. */
const OPEN_PATHS: readonly string[] = ['', 'healthz', 'readyz', 'docs', 'openapi.json', 'machines', 'inspect']
/** Whoever sends here shows who they are by the signature of what they send, and knows of no token, host or origin of ours. */
const SIGNED_PATHS: readonly string[] = [CODEGEN_WEBHOOK_PATH]
const READING: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** A request that comes from where requests may come from. */
export interface Arrival {
  readonly request: IncomingMessage
  readonly target: RequestTarget
  /** The origin of an allowed other site, which the answer has to name. */
  readonly origin: string | undefined
}

/** Decides on requests before anything of them is carried out. */
export interface LetIn {
  /** Looks at where a request goes and where it comes from. Throws UsageError, ApiError `wrong-host`, `forbidden`, `too-large`. */
  arrive(request: IncomingMessage): Arrival
  /**
   * Who asks; undefined for anybody at all, where no token is needed to read a page. Throws ApiError `unauthorized`,
   * `too-many-attempts`.
   */
  enter(arrival: Arrival): Access | undefined
  /** Throws ApiError `forbidden` for a read-only token that asks for a change. */
  demand(arrival: Arrival, access: Access | undefined): void
  /** The same for a WebSocket, which always has to show who it is where a token is needed. */
  upgrade(arrival: Arrival): Access
}

/** See {@link LetIn}. */
export function createLetIn(site: RequestSite, authenticate: Authenticate, maxHeaders: number): LetIn {
  return {
    arrive(request) {
      const target = readTarget(request.url)
      if (request.rawHeaders.length / 2 > maxHeaders) {
        throw new ApiError('too-large', `The request has more than ${maxHeaders} headers.`)
      }
      if (isSigned(target.path)) return { request, target, origin: undefined }
      return { request, target, origin: site.check(request, isOpen(target.path)) }
    },
    enter({ request, target }) {
      if (isSigned(target.path)) return undefined
      const access = authenticate(request, target, target.path === EVENTS_PATH ? 'query' : 'nowhere')
      if (!access && !isOpen(target.path)) throw unauthorized()
      return access
    },
    demand({ request, target }, access) {
      if (access && target.path !== TICKETS_PATH && !READING.includes(request.method ?? '')) demandCommand(access)
    },
    upgrade({ request, target }) {
      const access = authenticate(request, target, 'protocol')
      if (!access) throw unauthorized()
      return access
    },
  }
}

function isSigned(path: string): boolean {
  return SIGNED_PATHS.includes(path)
}

function isOpen(path: string): boolean {
  return OPEN_PATHS.includes(path.split('/')[1] ?? '')
}
