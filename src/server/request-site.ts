import type { IncomingMessage } from 'node:http'
import { ApiError } from '../api/errors.ts'
import { UsageError } from '../domain/errors.ts'
import { isLoopback, plainAddress } from './addresses.ts'

/** From which sites requests are taken, and under which names. */
export interface RequestSiteOptions {
  /** What the server was told to listen on; a name there is a name of this server. */
  readonly host: string
  /** Further names in a Host header: `name` (any port) or `name:port`. */
  readonly allowedHosts: readonly string[]
  /** Origins of other sites whose pages may ask. */
  readonly allowedOrigins: readonly string[]
}

/** Tells requests to this server from those that a page of another site sends, or sends here by a name of its own. */
export interface RequestSite {
  /**
   * The origin of an allowed other site, which has to be named in the answer; undefined for anything else that is let in. `page`:
   * what is asked for is a page, which people come to by links.
   *
   * @throws ApiError `wrong-host`, `forbidden`
   */
  check(request: IncomingMessage, page: boolean): string | undefined
}

interface NamedHost {
  readonly name: string
  readonly port: string | undefined
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(\d{1,5}))?$/i

/** Throws UsageError for hosts and origins that cannot be any. */
export function createRequestSite({ host, allowedHosts, allowedOrigins }: RequestSiteOptions): RequestSite {
  const hosts = allowedHosts.map(readAllowedHost)
  const origins = new Set(allowedOrigins.map(readAllowedOrigin))
  const own = host.toLowerCase()
  const isOurs = ({ name, port }: NamedHost, { localAddress = '', localPort }: IncomingMessage['socket']) => {
    if (hosts.some((allowed) => allowed.name === name && (allowed.port === undefined || allowed.port === port)))
      return true
    if ((port ?? '80') !== String(localPort)) return false
    const address = plainAddress(localAddress)
    const literal = name.replace(/^\[|\]$/g, '')
    return literal === address || name === own || (isLoopback(address) && (name === 'localhost' || isLoopback(literal)))
  }
  return {
    check(request, page) {
      const [text = '', ...more] = request.headersDistinct['host'] ?? []
      const named = more.length === 0 ? readHost(text) : undefined
      if (!named || !isOurs(named, request.socket)) throw wrongHost(text)
      return checkOrigin(request, text.toLowerCase(), origins, page)
    },
  }
}

function checkOrigin(
  { headers, method }: IncomingMessage,
  host: string,
  allowed: ReadonlySet<string>,
  page: boolean,
): string | undefined {
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (origin === undefined) {
    // Nobody but a page sends this; a link that a person follows is no request of that page.
    const followed = page && method === 'GET' && headers['sec-fetch-mode'] === 'navigate'
    if ((site === 'cross-site' || site === 'same-site') && !followed) throw otherSite('another site')
    return undefined
  }
  if (allowed.has(origin)) return origin
  if (origin !== `http://${host}` && origin !== `https://${host}`) throw otherSite(`the page ${origin.slice(0, 200)}`)
  return undefined
}

function readHost(text: string): NamedHost | undefined {
  const match = HOST.exec(text)
  return match?.[1] === undefined ? undefined : { name: match[1].toLowerCase(), port: match[2] }
}

function readAllowedHost(text: string): NamedHost {
  const named = readHost(text)
  if (named) return named
  throw new UsageError(
    `'${text}' cannot stand in a Host header. Allow a host such as troupe.example.com or 10.0.0.5:4600.`,
  )
}

function readAllowedOrigin(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text) return text
  throw new UsageError(`'${text}' is no origin. Allow one such as https://troupe.example.com, without a path.`)
}

function wrongHost(host: string): ApiError {
  return new ApiError(
    'wrong-host',
    `This server is not known as '${host.slice(0, 200)}'. Use the address that it listens on, or start it with that host allowed (--allow-host).`,
  )
}

function otherSite(who: string): ApiError {
  return new ApiError(
    'forbidden',
    `Requests of ${who} are not taken. Start the server with that origin allowed (--allow-origin) if they are meant.`,
  )
}
