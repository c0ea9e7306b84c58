/** Delays that double, ms. */
export interface Backoff {
  readonly firstMs: number
  readonly mostMs: number
}

/** How long to wait before try `tries` (from 0) is made again: up to a half less than due, so that many do not come at once. */
export function backoffDelay({ firstMs, mostMs }: Backoff, tries: number, random: () => number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(tries, 20)) * (1 - random() / 2)
}

/** 0 <= x < 1, in browsers and in Node. */
export function chance(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32
}
