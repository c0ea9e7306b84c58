import type { Clock } from '../domain/clock.ts'
import { UsageError } from '../domain/errors.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import { realClock } from '../host/clock.ts'
import { createAccessTokens } from './access-tokens.ts'
import { resolveHost } from './addresses.ts'
import { type Assembly, assemble, type KeptSizes } from './assemble.ts'
import { listen, urlOf } from './listen.ts'
import { createLog } from './log.ts'
import type { ServeOptions, ServeParts, TroupeServer } from './serve-options.ts'

/** A server, and what it keeps in memory for its clients. */
export interface StartedServer extends TroupeServer {
  sizes(): KeptSizes
}

const DEFAULT_PORT = 4600
const DRAIN_MS = 3000

/** See `serve`. */
export async function startServer(
  orchestrator: Orchestrator,
  { host = '127.0.0.1', port = DEFAULT_PORT, ...options }: ServeOptions & ServeParts,
): Promise<StartedServer> {
  const tokens = createAccessTokens(options.tokens ?? [])
  const { address, beyondLoopback } = await resolveHost(host)
  if (beyondLoopback && !tokens.required) throw tokensNeeded(host)
  const { clock = realClock, drainMs = DRAIN_MS } = options
  const secrets = [...(options.tokens ?? []).map(({ token }) => token), options.webhook?.secret ?? '']
  const log = options.log ?? createLog({ level: 'warn', secrets })
  const assembly = assemble(orchestrator, { ...options, host, tokens, clock, log })
  const taken = await listen(assembly.bounded.server, host, address, port).catch((error: unknown) => {
    assembly.end()
    throw error
  })
  assembly.bounded.server.on('error', (error) => log.error({ err: error }, 'A connection could not be taken.'))
  let closing: Promise<void> | undefined
  return {
    url: urlOf(host, taken),
    port: taken,
    drain: assembly.drain,
    sizes: assembly.sizes,
    close() {
      closing ??= stop(assembly, clock, drainMs)
      return closing
    },
  }
}

function tokensNeeded(host: string): UsageError {
  return new UsageError(
    `${host} is reached from other machines, so whoever asks must show a token. Set TROUPE_TOKEN to at least 16 characters ` +
      "(such as 'openssl rand -hex 32' prints), or listen on 127.0.0.1.",
  )
}

/** What is under way may end; what does not is cut off. */
async function stop({ bounded, end }: Assembly, clock: Clock, drainMs: number): Promise<void> {
  end()
  const cut = clock.setTimeout(() => bounded.destroyConnections(), drainMs)
  await bounded.close()
  clock.clearTimeout(cut)
}
