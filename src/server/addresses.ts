import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { UsageError } from '../domain/errors.ts'

/** Whether only this machine reaches an address. */
export function isLoopback(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address) || address === '::1'
}

/** An IPv4 address that came over IPv6 as what it is. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').toLowerCase()
}

/** The address to listen on for a host, and whether others than this machine reach it. Throws UsageError for an unknown host. */
export async function resolveHost(
  host: string,
): Promise<{ readonly address: string; readonly beyondLoopback: boolean }> {
  if (isIP(host)) return { address: host, beyondLoopback: !isLoopback(host) }
  try {
    const [first] = await lookup(host, { all: true })
    if (!first) throw new Error('no address')
    // What is looked up later may be another address: this very one is listened on.
    return { address: first.address, beyondLoopback: !isLoopback(plainAddress(first.address)) }
  } catch (cause) {
    throw new UsageError(
      `The host '${host}' has no address here. Listen on 127.0.0.1, or on an address of this machine.`,
      {
        cause,
      },
    )
  }
}
