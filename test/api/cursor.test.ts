import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cursorAfter, formatCursor, parseCursor } from '../../src/api/cursor.ts'
import { UsageError } from '../../src/domain/errors.ts'

describe('a cursor', () => {
  it('stands for the same position wherever it is read, whatever the runs are called', () => {
    const run = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    const seqs = fc.array(fc.tuple(run, fc.nat())).map((entries) => new Map(entries))
    fc.assert(
      fc.property(seqs, fc.option(run, { nil: undefined }), (seqs, newest) => {
        const position = { seqs, ...(newest === undefined ? {} : { newest }) }
        expect(parseCursor(formatCursor(position))).toEqual(position)
      }),
    )
  })

  it('fits into a header and a query as it is', () => {
    const cursor = formatCursor({ seqs: new Map([['run_06f2r0m5e8q1w7xk3d', 12]]), newest: 'run_06f2r0m5e8q1w7xk3d' })
    expect(cursor).toMatch(/^[\w,:.~%-]+$/)
  })

  it('of one run is what a client makes that knows the seq of its last record', () => {
    expect(parseCursor(cursorAfter('run_1', 7))).toEqual({ seqs: new Map([['run_1', 7]]) })
  })

  it.each([
    '',
    'c1',
    'start',
    'c0,,',
    'c1,,run_1',
    'c1,,run_1:x',
    'c1,,run_1:-1',
    'c1,,:1',
    'c1,,run_1:1:2',
    'c1,,%zz:1',
    'c1,%zz',
  ])('is refused when it is none: %j', (text) => {
    expect(() => parseCursor(text)).toThrow(UsageError)
  })
})
