/** A number 0 <= x < 1 that depends on nothing but `seed` and `key`. The only source of chance (FNV-1a, then a finaliser). */
export function chance(seed: number, key: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < key.length; i++) {
    hash ^= key.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return (hash >>> 0) / 0x100000000
}

/** An endless row of {@link chance} numbers. */
export function chances(seed: number, key: string): () => number {
  let n = 0
  return () => chance(seed, `${key}#${n++}`)
}
