import { describe, expect, it } from 'vitest'
import {
  expectedIndex,
  type ListedPage,
  missedBy,
  type PlacedRun,
  planRequest,
  seenAt,
  TOP,
} from '../../../src/backends/codegen/codegen-list-place.ts'

const run = (id: number, index: number, more: Partial<PlacedRun> = {}): PlacedRun => ({
  id: String(id),
  place: seenAt(index, 1000),
  alone: false,
  shrink: 0,
  ...more,
})
/** A full page of ids `newest` down. */
const page = (skip: number, newest: number, more: Partial<ListedPage> = {}): ListedPage => ({
  skip,
  limit: 100,
  total: 1000,
  ids: Array.from({ length: 100 }, (_, n) => String(newest - n)),
  hits: 0,
  ...more,
})
const plan = (runs: readonly PlacedRun[], target = runs[0], total: number | null = 1000) =>
  target === undefined ? undefined : planRequest(target, runs, runs, total)

describe('planRequest', () => {
  it('asks for one page that shows two runs, with some items in front', () => {
    expect(plan([run(2, 500), run(1, 520)])).toEqual({ kind: 'page', skip: 480, limit: 100 })
  })
  it('asks for a run by itself when no other lies near it', () => {
    expect(plan([run(9, 10), run(1, 520)])).toEqual({ kind: 'run' })
  })
  it('begins with the first overdue run that fits a page with the target', () => {
    const runs = [run(3, 90), run(2, 100), run(1, 180)]
    expect(plan(runs, runs[2])).toEqual({ kind: 'page', skip: 86, limit: 100 })
  })
  it('moves on by as many runs as the list has grown', () => {
    expect(plan([run(2, 500), run(1, 599)], undefined, 1300)).toEqual({ kind: 'page', skip: 800, limit: 100 })
  })
  it('halves the page for a run whose pages were garbage, and in the end asks for the run', () => {
    const near = run(1, 520)
    expect(plan([run(2, 500, { shrink: 1 }), near])).toEqual({ kind: 'page', skip: 486, limit: 50 })
    expect(plan([run(2, 500, { shrink: 7 }), near])).toEqual({ kind: 'run' })
  })
  it('asks for a run by itself that the list does not show', () => {
    expect(plan([run(2, 500, { alone: true }), run(1, 520)])).toEqual({ kind: 'run' })
  })
  it('searches only as long as a page may show more runs than pages were missed', () => {
    const lost = { ...TOP, misses: 2 }
    const runs = [1, 2, 3].map((id) => run(id, 0, { place: lost }))
    expect(plan(runs)).toEqual({ kind: 'run' })
    expect(plan([...runs, run(4, 0)])).toEqual({ kind: 'page', skip: 0, limit: 100 })
  })
})

describe('missedBy', () => {
  it('goes on right below a page that showed others of ours', () => {
    const place = missedBy(page(500, 600, { hits: 3 }), '400', seenAt(590, 1000))
    expect(place).toEqual({ index: 600, low: 600, high: 1000, total: 1000, misses: 1 })
  })
  it('takes the growth of the list for the way that the run was pushed down', () => {
    const place = missedBy(page(500, 2600, { total: 3000 }), '400', seenAt(510, 1000))
    expect(place).toEqual({ index: 2510, low: 600, high: 3000, total: 3000, misses: 1 })
  })
  it('looks half-way when nothing of ours is near', () => {
    expect(missedBy(page(0, 9000), '400', TOP)).toEqual({ index: 500, low: 100, high: 1000, total: 1000, misses: 1 })
  })
  it('looks twice as deep when the length of the list is unknown', () => {
    const place = missedBy(page(400, 9000, { total: null }), '400', { ...TOP, index: 400 })
    expect(place).toEqual({ index: 1000, low: 500, high: null, total: null, misses: 1 })
  })
  it('goes up when the page is beyond the end of the list', () => {
    const place = missedBy(page(800, 0, { ids: [], total: null }), '400', { ...TOP, index: 800, low: 300 })
    expect(place).toEqual({ index: 500, low: 300, high: 800, total: null, misses: 1 })
  })
  it('calls a run unlisted that should stand between the first and the last', () => {
    expect(missedBy(page(500, 450), '400', seenAt(510, 1000))).toBe('unlisted')
  })
  it('calls a run unlisted that is newer than the newest', () => {
    expect(missedBy(page(0, 450), '451', TOP)).toBe('unlisted')
  })
  it('calls a run unlisted that is older than the end of the list', () => {
    expect(missedBy(page(900, 300, { ids: ['300', '299'] }), '12', seenAt(950, 1000))).toBe('unlisted')
  })
  it('goes down page by page where ids are no numbers', () => {
    const ids = Array.from({ length: 100 }, (_, n) => `r-${n}`)
    expect(missedBy(page(0, 0, { ids, total: null }), 'r-x', TOP)).toEqual({ ...TOP, index: 100, low: 100, misses: 1 })
  })
})

describe('expectedIndex', () => {
  it('does not move a run up when a page is older than its place', () => {
    expect(expectedIndex(seenAt(40, 1000), 900)).toBe(40)
  })
})
