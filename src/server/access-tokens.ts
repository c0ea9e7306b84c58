import { createHash, timingSafeEqual } from 'node:crypto'
import type { Access } from '../api/access.ts'
import { UsageError } from '../domain/errors.ts'

/** A secret that lets its owner in. */
export interface ServerToken {
  /** Who uses it: stands in audit records. */
  readonly name: string
  /** At least 16 characters that a header can carry. */
  readonly token: string
  /** `watch` reads and subscribes; `command` does everything. */
  readonly access: 'command' | 'watch'
}

/** The tokens that a server knows. */
export interface AccessTokens {
  /** False: no token is needed. */
  readonly required: boolean
  /** What a token's owner may do; undefined for a token that nobody was given. Takes as long for any. */
  find(token: string): Access | undefined
}

const SHORTEST = 16
const LONGEST = 1000

/** Keeps digests only. Throws UsageError for tokens that cannot be used; the message never holds one. */
export function createAccessTokens(tokens: readonly ServerToken[]): AccessTokens {
  const names = new Set<string>()
  const known = tokens.map(({ name, token, access }) => {
    checkToken(name, token, names)
    names.add(name)
    return { digest: digestOf(token), access: { who: name, may: access, via: 'rest' } satisfies Access }
  })
  if (new Set(known.map(({ digest }) => digest.toString('hex'))).size < known.length) {
    throw new UsageError('Two tokens are the same. Give each name a token of its own.')
  }
  return {
    required: known.length > 0,
    find(token) {
      const digest = digestOf(token)
      let found: Access | undefined
      // All are compared: how long it takes tells nothing of which one it was.
      for (const candidate of known) if (timingSafeEqual(candidate.digest, digest)) found = candidate.access
      return found
    },
  }
}

function checkToken(name: string, token: string, taken: ReadonlySet<string>): void {
  if (!/^[\w.@-]{1,64}$/.test(name)) {
    throw new UsageError('The name of a token must be 1 to 64 letters, digits, _, -, . or @.')
  }
  if (taken.has(name)) throw new UsageError(`Two tokens have the name '${name}'. Give each its own.`)
  if (token.length < SHORTEST) {
    throw new UsageError(
      `The token '${name}' is too short: ${SHORTEST} characters are needed, 32 random ones are better.`,
    )
  }
  if (token.length > LONGEST || !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError(
      `The token '${name}' holds blanks or other characters that a header cannot carry, or is too long.`,
    )
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
