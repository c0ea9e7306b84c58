import { UsageError } from '../domain/errors.ts'

/** Where a request goes. */
export interface RequestTarget {
  /** As it was sent, without the query: nothing is decoded. */
  readonly path: string
  readonly query: URLSearchParams
}

const LONGEST = 8192
const SECRETS: readonly string[] = ['token', 'access_token', 'api_key', 'apikey', 'authorization', 'bearer']

/**
 * Refuses whatever two readers of a URL could understand differently: other forms than a path, dots and slashes in disguise. A
 * token in the query is refused too. Throws UsageError.
 */
export function readTarget(url: string | undefined): RequestTarget {
  const target = url ?? ''
  if (!target.startsWith('/') || target.startsWith('//') || target.length > LONGEST || !/^[\x21-\x7e]+$/.test(target)) {
    throw new UsageError('The request names no path of this server. Send an absolute path such as /v1/runs.')
  }
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  if (isTricky(path))
    throw new UsageError('The path of the request holds dots, slashes or bytes that no path here has.')
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  if (SECRETS.some((name) => query.has(name))) {
    throw new UsageError(
      'A token has no place in a URL, which is logged on its way. Send it as the header Authorization: Bearer TOKEN; ' +
        'a browser asks POST /v1/tickets for a ticket.',
    )
  }
  return { path, query }
}

function isTricky(path: string): boolean {
  if (path.includes('\\') || path.includes('#') || /%(?:2f|5c|00)/i.test(path)) return true
  if (/%(?![0-9a-f]{2})/i.test(path)) return true
  return path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))
}
