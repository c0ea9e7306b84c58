/** The known name that `name` was probably meant to be, or undefined when none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.min(3, Math.floor(name.length / 2)) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean 'x'?` or, with nothing near, the names there are (a few of them). */
export function suggest(name: string, known: readonly string[]): string {
  // A mistake in each of many thousand names must not cost a comparison of all with all.
  const match = known.length <= 2000 ? nearest(name, known) : undefined
  if (match !== undefined) return `; did you mean '${match}'?`
  if (known.length === 0) return ''
  const shown = known.slice(0, 30).join(', ')
  return `; there is: ${shown}${known.length > 30 ? ', ...' : ''}`
}

function editDistance(a: string, b: string, limit: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + swap)
    }
    if (Math.min(...row) >= limit) return limit
    previous = row
  }
  return previous[b.length] ?? limit
}
