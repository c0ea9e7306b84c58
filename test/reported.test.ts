import { describe, expect, it } from 'vitest'
import type { Json } from '../src/domain/json.ts'
import { reportedWork } from '../src/domain/reported-work.ts'
import { totalReports } from '../src/reported-totals.ts'

describe('what a report claims of its work', () => {
  it('is read from its result and its metrics', () => {
    const result = { files_modified: ['a.ts', 'b.ts', 'a.ts'], pr_created: true, tests_passed: 12 }
    expect(reportedWork(result, { duration_seconds: 3.5, api_calls_made: 2, note: 'x' })).toEqual({
      files: ['a.ts', 'b.ts'],
      prCreated: true,
      testsPassed: 12,
      metrics: { duration_seconds: 3.5, api_calls_made: 2 },
    })
  })

  it.each([
    [{ files_modified: 3 }, { fileCount: 3 }],
    [{ tests_passed: false }, { testsPassed: false }],
    [{ pr_created: 'https://code.invalid/1' }, { prCreated: true }],
    [{ files_modified: -1, tests_passed: -2, pr_created: 'no' }, undefined],
    [{ files_modified: 'all of them', tests_passed: 'yes', pr_created: false }, undefined],
    [['files_modified'], undefined],
    ['files_modified: 3', undefined],
    [null, undefined],
  ] satisfies [Json, object | undefined][])('of %j is %j', (result, work) => {
    expect(reportedWork(result, undefined)).toEqual(work)
  })

  it('holds no number that is none, and none without bounds', () => {
    const metrics = JSON.parse('{"a":1e999,"b":-1e300,"c":"9","d":null,"e":[1],"__proto__":5}') as Json
    expect(JSON.stringify(reportedWork(null, metrics))).toBe('{"metrics":{"b":-1000000000000000,"__proto__":5}}')
  })

  it('is cut and cleaned: a hundred files, thirty-two metrics, names on one line', () => {
    const files = [
      '\u001b[31mred\u001b[0m\n\u202e.ts',
      'x'.repeat(1_000),
      ...Array.from({ length: 500 }, (_, i) => `f${i}`),
    ]
    const metrics = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`m${i}\u0007\n`, i]))
    const work = reportedWork({ files_modified: files }, metrics)
    expect([work?.files?.length, work?.files?.[0], work?.files?.[1]?.length, work?.fileCount]).toEqual([
      100,
      '[31mred [0m .ts',
      300,
      502,
    ])
    expect(Object.keys(work?.metrics ?? {})).toEqual(Array.from({ length: 32 }, (_, i) => `m${i}`))
  })
})

describe('what the reports of a run claim together', () => {
  it('counts each file and each pull request once, and sums numbers', () => {
    const one = { url: 'https://code.invalid/1', branch: 'a' }
    expect(
      totalReports([
        {
          work: reportedWork({ files_modified: ['a', 'b'], tests_passed: true, pr_created: true }, { calls: 0.1 }),
          pullRequests: [one],
        },
        {
          work: reportedWork({ files_modified: ['b', 'c'], tests_passed: 5 }, { calls: 0.2 }),
          pullRequests: [{ ...one }],
        },
        { work: reportedWork({ files_modified: 10, tests_passed: false }, { seconds: 3 }) },
        {},
      ]),
    ).toEqual({
      filesModified: 13,
      files: ['a', 'b', 'c'],
      prCreated: 1,
      testsPassed: { tasks: 2, failed: 1, tests: 5 },
      metrics: { calls: 0.3, seconds: 3 },
      pullRequests: [one],
    })
  })

  it('is nothing where no report says anything', () => {
    expect(totalReports([{}, { pullRequests: [] }])).toBe(undefined)
  })
})
