import { isIPv6 } from 'node:net'
import type { Clock } from '../domain/clock.ts'

/** How many wrong tokens an address may show, and of how many addresses is known. */
export interface FailedAttemptsOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly most?: number
  readonly windowMs?: number
  readonly addresses?: number
}

/** Counts wrong tokens by the address that they came from. */
export interface FailedAttempts {
  /** Notes one. Gives the seconds to wait once it is one too many. */
  add(address: string): number | undefined
  /** How many addresses are remembered. */
  readonly size: number
}

/**
 * Guessing is slowed down, not the owner of a good token behind the same address: whoever asks looks at the token first. What is
 * remembered is bounded; where too many addresses guess, the oldest are forgotten.
 */
export function createFailedAttempts(options: FailedAttemptsOptions): FailedAttempts {
  const { clock, most = 10, windowMs = 60_000, addresses = 10_000 } = options
  const windows = new Map<string, { count: number; readonly until: number }>()
  return {
    get size() {
      return windows.size
    },
    add(address) {
      const now = clock.now()
      const source = sourceOf(address)
      let window = windows.get(source)
      if (!window || window.until <= now) {
        windows.delete(source)
        window = { count: 0, until: now + windowMs }
        windows.set(source, window)
        forgetOld(windows, now, addresses)
      }
      window.count++
      return window.count > most ? Math.ceil((window.until - now) / 1000) : undefined
    },
  }
}

/** All windows last alike, so the map is in the order in which they end. */
function forgetOld(windows: Map<string, { readonly until: number }>, now: number, most: number): void {
  for (const [address, { until }] of windows) {
    if (until > now && windows.size <= most) return
    windows.delete(address)
  }
}

/** Whoever has one IPv6 address has its whole /64. */
function sourceOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array.from({ length: Math.max(missing, 0) }, () => '0'), ...right]
  return `${groups.slice(0, 4).join(':')}::/64`
}
