import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { LimiterWorld, type WorldStep } from './limiter-world.ts'

const root = mkdtempSync(join(tmpdir(), 'troupe-limiter-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

const step: fc.Arbitrary<WorldStep> = fc.record({
  kind: fc.constantFrom(
    ...([
      'create',
      'create',
      'create',
      'read',
      'abort',
      'release',
      'wait',
      'wait',
      'refuse',
      'pause',
      'continue',
    ] as const),
    ...(['account', 'tighten', 'withdraw', 'restart'] as const),
  ),
  which: fc.nat(1_000),
  ms: fc.nat(5_000),
  longer: fc.integer({ min: 0, max: 20_000 }),
})

describe('a limiter, whatever is sent, aborted, released, paused, refused and restarted', () => {
  it('keeps each window as the provider sees it, loses no slot and leaves nobody waiting for what is free', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        const world = await LimiterWorld.open(join(root, `${folders++}`))
        for (const one of steps) {
          await world.take(one)
          expect(world.waitingForNothing()).toEqual([])
          expect(world.overCapacity()).toEqual([])
        }
        await world.windUp()
        expect(world.leftOver()).toEqual([])
        expect(world.burst()).toEqual([])
      }),
      { seed: 20_261_122, numRuns: 120 },
    )
  })
})
