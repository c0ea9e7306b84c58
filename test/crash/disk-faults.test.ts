import { describe, expect, it } from 'vitest'
import { breakCheckpoints } from './disk/checkpoint-faults.ts'
import { turnClocksBack } from './disk/clock-back.ts'
import { flipBytes } from './disk/flipped-byte.ts'
import { fillDisk } from './disk/full-disk.ts'
import { tearJournal } from './disk/torn-journal.ts'

// Short forms of `npm run crash -- --disk`; each goes on from tens of folders.
const PATIENCE = { timeout: 120_000 }

describe('a run whose process was killed while the journal was written', PATIENCE, () => {
  it('completes with nothing created or told twice, wherever the last records are torn', async () => {
    const { tried, problems } = await tearJournal({ every: 431 })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(50)
  })

  it('does so within a record that owes a create', async () => {
    const { tried, problems } = await tearJournal({ every: 37, groups: (at) => at === 2 })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(20)
  })
})

describe('a flipped byte', PATIENCE, () => {
  it('is said, leaves other runs as they are, and makes nobody create twice', async () => {
    const { tried, problems } = await flipBytes({ every: 601, moments: 3 })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(15)
  })
})

describe('checkpoints that are missing, damaged or older than the journal', PATIENCE, () => {
  it('cost nothing but time: the journal holds all', async () => {
    const { tried, problems } = await breakCheckpoints({ everyMs: 2_500 })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(10)
  })
})

describe('a full disk', PATIENCE, () => {
  it('refuses the start or pauses the run and says so; with room again the run completes as if nothing were', async () => {
    const { tried, problems } = await fillDisk({ every: 4 })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(5)
  })
})

describe('a clock that goes back an hour', PATIENCE, () => {
  it('neither doubles a creation nor exceeds the limit nor holds the run up', async () => {
    const { tried, problems } = await turnClocksBack({ everyMs: 61_000 })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(4)
  })
})
