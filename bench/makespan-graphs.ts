import { chances } from '../src/domain/seed.ts'

/** A graph of tasks whose durations are known beforehand. */
export interface TimedGraph {
  readonly tasks: readonly { readonly id: string; readonly ms: number; readonly needs: readonly string[] }[]
}

/**
 * A graph whose best makespan on `slots` slots is known: a schedule without a gap is cut into tasks at random, and each task needs
 * some of those that had ended when it began. All slots are busy from 0 to `endMs`, so nothing can be quicker than that schedule.
 */
export function packedGraph(seed: number, slots: number, endMs: number): TimedGraph {
  const random = chances(seed, `packed/${slots}`)
  const placed: { id: string; from: number; to: number }[] = []
  for (let slot = 0; slot < slots; slot++) {
    for (let from = 0; from < endMs; ) {
      const left = endMs - from
      const wanted = 10_000 + Math.floor(random() * 110_000)
      const ms = left - wanted < 10_000 ? left : wanted
      placed.push({ id: '', from, to: from + ms })
      from += ms
    }
  }
  // In the order in which they end, so that the file's order gives nothing away of the schedule's beginnings.
  placed.sort((a, b) => a.to - b.to || a.from - b.from)
  for (const [index, task] of placed.entries()) task.id = `t${index}`
  return {
    tasks: placed.map(({ id, from, to }) => {
      const before = placed.filter((other) => other.to <= from)
      const needs = new Set<string>()
      for (let n = Math.floor(random() * 4); n > 0 && before.length > 0; n--) {
        // Mostly what ended shortly before: long chains.
        const back = Math.floor(random() ** 2 * Math.min(before.length, 4 * slots))
        needs.add(before[before.length - 1 - back]?.id ?? '')
      }
      return { id, ms: to - from, needs: [...needs] }
    }),
  }
}

/** A random graph: each task needs up to three of the 20 before it and lasts 1 to 10 minutes. */
export function randomGraph(seed: number, size: number): TimedGraph {
  const random = chances(seed, 'random graph')
  return {
    tasks: Array.from({ length: size }, (_, index) => {
      const needs = new Set<string>()
      for (let n = Math.floor(random() * 4); n > 0 && index > 0; n--) {
        needs.add(`t${Math.max(0, index - 1 - Math.floor(random() * 20))}`)
      }
      return { id: `t${index}`, ms: 60_000 + Math.floor(random() * 540_000), needs: [...needs] }
    }),
  }
}

/**
 * No schedule that creates at most `perWindow` agents in a window ends sooner than this: of the n tasks with the longest way to the
 * end, one is created as the n-th at the earliest; the same for the longest way from the beginning.
 */
export function lowerBound({ tasks }: TimedGraph, perWindow: number, windowMs: number): number {
  const heads = new Map<string, number>()
  for (const { id, ms, needs } of tasks) heads.set(id, ms + Math.max(0, ...needs.map((need) => heads.get(need) ?? 0)))
  const tails = new Map<string, number>()
  for (const { id, ms, needs } of [...tasks].reverse()) {
    const own = ms + (tails.get(id) ?? 0)
    for (const need of needs) tails.set(need, Math.max(tails.get(need) ?? 0, own))
    tails.set(id, own)
  }
  const createdAt = (n: number) => Math.floor(n / perWindow) * windowMs
  const byTail = [...tails.values()].sort((a, b) => b - a)
  return Math.max(...heads.values(), ...byTail.map((tail, n) => createdAt(n) + tail))
}
