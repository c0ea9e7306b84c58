import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { JournalRecord } from '../../src/domain/record.ts'
import { realClock } from '../../src/host/clock.ts'
import { openJournal } from '../../src/host/journal.ts'
import { encodeLine } from '../../src/host/journal-line.ts'
import {
  type JournalReading,
  type ReadJournalOptions,
  readJournal,
  readRecords,
} from '../../src/host/journal-reader.ts'
import { record, records } from './journal-records.ts'
import { temporaryFolder } from './temporary-folder.ts'

const FIRST = 'journal.1.ndjson'

async function writeSegment(folder: string, all: readonly JournalRecord[]): Promise<string> {
  const path = join(folder, `journal.${all[0]?.seq ?? 1}.ndjson`)
  await writeFile(path, all.map(encodeLine).join(''))
  return path
}

async function read(folder: string, options: ReadJournalOptions = {}): Promise<JournalReading & { seqs: number[] }> {
  const seqs: number[] = []
  const reading = await readJournal(folder, ({ seq }) => seqs.push(seq), options)
  return { ...reading, seqs }
}

describe('reading a journal', () => {
  it('is empty where there is none', async () => {
    const folder = await temporaryFolder()
    const empty = { lastSeq: 0, problems: [], bytes: 0, seqs: [] }
    expect(await read(folder)).toEqual(empty)
    expect(await read(join(folder, 'missing'))).toEqual(empty)
  })

  it('opens only the segments that hold something beyond the seq asked for', async () => {
    const folder = await temporaryFolder()
    await writeSegment(folder, records(1, 4))
    await writeSegment(folder, records(5, 9))
    const last = await writeSegment(folder, records(10, 12))
    await writeFile(join(folder, FIRST), 'not a journal at all\n')
    const bytes = (await readFile(last)).length
    expect(await read(folder, { afterSeq: 9 })).toEqual({ lastSeq: 12, problems: [], bytes, seqs: [10, 11, 12] })
    expect((await read(folder, { afterSeq: 7 })).seqs).toEqual([8, 9, 10, 11, 12])
    expect((await read(folder, { afterSeq: 12 })).seqs).toEqual([])
  })

  it('sorts segments by number and overlooks other files', async () => {
    const folder = await temporaryFolder()
    await writeSegment(folder, records(1, 9))
    await writeSegment(folder, records(10, 99))
    await writeSegment(folder, records(100, 101))
    await writeFile(join(folder, 'journal.x.ndjson'), 'x')
    await mkdir(join(folder, 'results'))
    expect((await readRecords(folder, 0)).map(({ seq }) => seq)).toEqual(records(1, 101).map(({ seq }) => seq))
  })

  it('stops at the limit', async () => {
    const folder = await temporaryFolder()
    await writeSegment(folder, records(1, 4))
    await writeSegment(folder, records(5, 9))
    expect(await readRecords(folder, 2, 4)).toEqual(records(3, 6))
    expect(await readRecords(folder, 2, 0)).toEqual([])
  })

  it('reads what is whole while the file grows', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 3_000))
    let grown = false
    const seqs: number[] = []
    let growing: Promise<void> = Promise.resolve()
    const reading = await readJournal(folder, ({ seq }) => {
      seqs.push(seq)
      if (!grown) growing = appendFile(path, encodeLine(record(3_001)) + encodeLine(record(3_002)).slice(0, 50))
      grown = true
    })
    await growing
    expect(reading.problems).toEqual([])
    expect(seqs).toEqual(records(1, seqs.length).map(({ seq }) => seq))
    expect(await read(folder)).toEqual({
      lastSeq: 3_001,
      problems: [],
      torn: { segment: FIRST, bytes: 50 },
      bytes: reading.bytes + (reading.lastSeq === 3_001 ? 0 : Buffer.byteLength(encodeLine(record(3_001)))),
      seqs: records(1, 3_001).map(({ seq }) => seq),
    })
  })
})

describe('a torn last line', () => {
  it('is overlooked, wherever it was torn, and cut when the holder asks for it', async () => {
    const folder = await temporaryFolder()
    const { host: _host, ...last } = record(3)
    const path = await writeSegment(folder, [...records(1, 2), last])
    const whole = await readFile(path)
    const lastLine = Buffer.from(encodeLine(last))
    const start = whole.length - lastLine.length
    for (let length = 1; length < lastLine.length; length++) {
      await writeFile(path, whole.subarray(0, start + length))
      const expected = { lastSeq: 2, problems: [], torn: { segment: FIRST, bytes: length }, bytes: start, seqs: [1, 2] }
      expect(await read(folder)).toEqual(expected)
      expect((await readFile(path)).length).toBe(start + length)
      expect(await read(folder, { repair: true })).toEqual(expected)
      expect(await readFile(path)).toEqual(whole.subarray(0, start))
    }
  })

  it('does not stand in the way of the next life, whether or not it was cut', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 2))
    await appendFile(path, encodeLine(record(3)).slice(0, 77))
    const journal = openJournal({ folder, clock: realClock, firstSeq: 3 })
    journal.append(record(3, 'other'))
    await journal.close()
    expect((await read(folder)).problems).toEqual([])
    expect(await readRecords(folder, 0)).toEqual([...records(1, 2), record(3, 'other')])
  })

  it('is cut by the journal itself when the segment has the same name', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, FIRST), encodeLine(record(1)).slice(0, 77))
    const journal = openJournal({ folder, clock: realClock, firstSeq: 1 })
    journal.append(record(1, 'other'))
    await journal.close()
    expect(await readRecords(folder, 0)).toEqual([record(1, 'other')])
  })
})

describe('damage', () => {
  it('of any byte in the middle is found, said, and costs that record alone', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 5))
    const whole = await readFile(path)
    const start = Buffer.byteLength(records(1, 2).map(encodeLine).join(''))
    const length = Buffer.byteLength(encodeLine(record(3)))
    for (let at = start; at < start + length - 1; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ 0x01
      await writeFile(path, damaged)
      const reading = await read(folder)
      expect({ at, seqs: reading.seqs, lastSeq: reading.lastSeq }).toEqual({ at, seqs: [1, 2, 4, 5], lastSeq: 5 })
      expect(reading.problems.map(({ segment, line }) => [segment, line])).toEqual([[FIRST, 3]])
    }
  })

  it('of a newline costs the two records that it joins', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 5))
    const damaged = await readFile(path)
    damaged[Buffer.byteLength(records(1, 2).map(encodeLine).join('')) - 1] = 0x20
    await writeFile(path, damaged)
    const reading = await read(folder)
    expect([reading.seqs, reading.lastSeq, reading.problems]).toEqual([
      [1, 4, 5],
      5,
      [{ segment: FIRST, line: 2, reason: 'it is not JSON' }],
    ])
  })

  it('that makes a newline costs one record', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 4))
    const damaged = await readFile(path)
    damaged[Buffer.byteLength(encodeLine(record(1))) + 40] = 0x0a
    await writeFile(path, damaged)
    const reading = await read(folder)
    expect([reading.seqs, reading.lastSeq, reading.problems.length]).toEqual([[1, 3, 4], 4, 2])
  })

  it('of the last line keeps its seq from being given again', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 3))
    const damaged = await readFile(path)
    damaged[damaged.length - 30] = 0x7e
    await writeFile(path, damaged)
    const reading = await read(folder)
    expect([reading.seqs, reading.lastSeq, reading.torn]).toEqual([[1, 2], 3, undefined])
    expect(reading.problems).toEqual([{ segment: FIRST, line: 3, reason: 'its checksum does not match' }])
  })

  it('by a wrong seq is said: doubled, lost and foreign lines', async () => {
    const folder = await temporaryFolder()
    const lines = [record(1), record(2), record(2), record(3), record(9), record(4)]
    await writeFile(join(folder, FIRST), `${lines.map(encodeLine).join('')}{"not":"a record"}\n\n`)
    const reading = await read(folder)
    expect([reading.seqs, reading.lastSeq]).toEqual([[1, 2, 3, 4], 6])
    expect(reading.problems.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '3: it has seq 2 where 3 belongs',
      '5: it has seq 9 where 4 belongs',
      '7: its checksum does not match',
      '8: it is not JSON',
    ])
  })

  it('by a missing segment is said', async () => {
    const folder = await temporaryFolder()
    await writeSegment(folder, records(4, 5))
    await writeSegment(folder, records(9, 10))
    expect((await read(folder)).problems).toEqual([
      { segment: 'journal.4.ndjson', line: 1, reason: 'the records 1 to 3 before it are missing' },
      { segment: 'journal.9.ndjson', line: 1, reason: 'the records 6 to 8 before it are missing' },
    ])
    expect((await read(folder, { afterSeq: 8 })).problems).toEqual([])
  })

  it('by megabytes of zeros is one damaged line', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 2))
    await appendFile(path, Buffer.concat([Buffer.alloc(3 * 1024 * 1024), Buffer.from(`\n${encodeLine(record(4))}`)]))
    const reading = await read(folder)
    expect([reading.seqs, reading.problems.length]).toEqual([[1, 2, 4], 1])
  })

  it('is not what a holder wrote late that had lost the folder', async () => {
    const folder = await temporaryFolder()
    const late = openJournal({ folder, clock: realClock, firstSeq: 1 })
    late.append(record(1))
    await late.committed(1)
    const next = openJournal({ folder, clock: realClock, firstSeq: 2 })
    next.append(record(2, 'mine'))
    await next.close()
    late.append(record(2, 'late'))
    await late.close()
    expect((await read(folder)).problems).toEqual([])
    expect(await readRecords(folder, 0)).toEqual([record(1), record(2, 'mine')])
  })
})

describe('the format', () => {
  it('of a newer version is refused with a clear word', async () => {
    const folder = await temporaryFolder()
    const path = await writeSegment(folder, records(1, 2))
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll('"v":1', '"v":2'))
    await expect(read(folder)).rejects.toThrow(
      `${path} was written by a newer troupe (format 2; this one reads up to 1). Use that version, or another --data-dir.`,
    )
  })
})

describe('size', () => {
  it('of 200,000 records is read in bounded memory', async () => {
    const folder = await temporaryFolder()
    const journal = openJournal({ folder, clock: realClock, firstSeq: 1 })
    for (let seq = 1; seq <= 200_000; seq++) {
      journal.append(record(seq))
      if (seq % 20_000 === 0) await journal.committed(seq)
    }
    await journal.close()
    const before = process.memoryUsage()
    let expected = 0
    let ordered = true
    let peak = 0
    const reading = await readJournal(folder, ({ seq }) => {
      ordered &&= seq === ++expected
      if (seq % 1_000 !== 0) return
      const { heapUsed, external } = process.memoryUsage()
      peak = Math.max(peak, heapUsed + external)
    })
    expect([ordered, expected, reading.lastSeq, reading.problems]).toEqual([true, 200_000, 200_000, []])
    expect(reading.bytes).toBeGreaterThan(60_000_000)
    expect(peak - before.heapUsed - before.external).toBeLessThan(40_000_000)
    expect((await readRecords(folder, 199_998)).map(({ seq }) => seq)).toEqual([199_999, 200_000])
  })
})
