import { describe, expect, it } from 'vitest'
import { readStat } from '../../../src/backends/local/process-table.ts'

describe('readStat', () => {
  const rest = '1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 11 0 4711 99'

  it('reads state, group and start behind a name that may hold anything', () => {
    const facts = { pid: 812, group: 812, startedAt: '4711' }
    expect(readStat(`812 (node) S ${rest}\n`)).toEqual({ ...facts, defunct: false })
    expect(readStat(`812 (a) Z (b c) S ${rest}\n`)).toEqual({ ...facts, defunct: false })
    expect(readStat(`812 (sh) Z ${rest}\n`)).toEqual({ ...facts, defunct: true })
  })

  it('knows nothing of a process that is gone', () => {
    expect(readStat('')).toBe(undefined)
  })
})
