import type { Orchestrator } from './domain/orchestration.ts'
import type { ServeOptions, TroupeServer } from './server/serve-options.ts'

/**
 * Serves an orchestrator over HTTP and WebSocket, in the process of whoever calls it: `/v1`, `/docs`, `/machines`, `/metrics`,
 * `/healthz`, `/readyz`. The orchestrator is not closed with the server.
 *
 * @throws UsageError when the port is taken, when a host beyond loopback is to be served without tokens, and for an option that
 *   cannot be used
 */
export async function serve(orchestrator: Orchestrator, options: ServeOptions = {}): Promise<TroupeServer> {
  // A program that only orchestrates does not load it.
  const { startServer } = await import('./server/start-server.ts')
  return startServer(orchestrator, options)
}
