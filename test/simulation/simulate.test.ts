import { describe, expect, it } from 'vitest'
import { formatTrace } from './format-trace.ts'
import { simulateSeed } from './simulate-seed.ts'

/** More are simulated by `npm run simulate`. */
const SEEDS = Array.from({ length: 15 }, (_, index) => index + 1)

describe('a seed of the simulation', () => {
  it.each(SEEDS)('breaks no invariant (seed %i)', async (seed) => {
    const { violation } = await simulateSeed(seed)
    expect(violation).toEqual(undefined)
  })

  it('does the same each time: whoever sees it fail can see it again', async () => {
    for (const seed of [2, 3, 5]) {
      const first = await simulateSeed(seed)
      const second = await simulateSeed(seed)
      expect(formatTrace(second.simulation)).toEqual(formatTrace(first.simulation))
      expect(second.digest).toEqual(first.digest)
    }
  })

  it('is unlike any other', async () => {
    const digests = new Set<string>()
    for (const seed of [11, 12, 13]) digests.add((await simulateSeed(seed)).digest)
    expect(digests.size).toEqual(3)
  })

  it('says where it fails', async () => {
    const { simulation } = await simulateSeed(1)
    const last = formatTrace(simulation).split('\n').at(-1)
    expect(last).toMatch(/^ +\d+ +\d+\.\d{3} s END$/)
  })
})
