import { once } from 'node:events'
import type { Server } from 'node:http'
import { UsageError } from '../domain/errors.ts'

/** How many connections may wait to be taken: many clients come back at once after a restart. */
const BACKLOG = 4096

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already',
  EACCES: 'this user may not listen there',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** Makes a server listen; gives the port it got. Throws UsageError that says why it cannot. */
export async function listen(server: Server, host: string, address: string, port: number): Promise<number> {
  server.listen({ host: address, port, backlog: BACKLOG })
  try {
    await once(server, 'listening')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const reason = REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause))
    throw new UsageError(
      `Cannot listen on ${host}:${port}: ${reason}. Choose another port (0 takes a free one) or host.`,
      {
        cause,
      },
    )
  }
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : port
}

/** The address of a server as people and programs write it. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
