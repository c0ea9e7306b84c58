import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkpointDue, openCheckpoints } from '../../src/host/checkpoint.ts'
import { seal } from '../../src/host/checksum.ts'
import { realClock } from '../../src/host/clock.ts'
import { faultyFileSystem } from './faulty-file-system.ts'
import { temporaryFolder } from './temporary-folder.ts'

const MB = 1024 * 1024

interface State {
  readonly tasks: Readonly<Record<string, string>>
}

function state(name: string): State {
  return { tasks: { spec: name } }
}

describe('checkpoints', () => {
  it('are none in a new folder', async () => {
    const checkpoints = openCheckpoints<State>(await temporaryFolder(), realClock)
    expect([await checkpoints.read(), checkpoints.lastBytes, checkpoints.problems]).toEqual([undefined, 0, []])
  })

  it('give back the newest, keep the one before, and leave no temporary file', async () => {
    const folder = await temporaryFolder()
    const checkpoints = openCheckpoints<State>(folder, realClock)
    await checkpoints.write(10, state('first'))
    await checkpoints.write(20, state('second'))
    expect(await readdir(folder)).toEqual(['checkpoint.json', 'checkpoint.previous.json'])
    const { size, mode } = await stat(join(folder, 'checkpoint.json'))
    expect([checkpoints.lastBytes, mode & 0o777]).toEqual([size, 0o600])
    const again = openCheckpoints<State>(folder, realClock)
    expect(await again.read()).toEqual({ seq: 20, data: state('second') })
    expect(again.lastBytes).toBe(size)
  })

  it('fall back to the older one when any byte of the newer is damaged, and say so', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'checkpoint.json')
    const checkpoints = openCheckpoints<State>(folder, realClock)
    await checkpoints.write(10, state('first'))
    await checkpoints.write(20, state('second'))
    const whole = await readFile(path)
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ 0x01
      await writeFile(path, damaged)
      const reading = openCheckpoints<State>(folder, realClock)
      expect([at, await reading.read(), reading.problems]).toEqual([
        at,
        { seq: 10, data: state('first') },
        [`${path} is damaged and was not used.`],
      ])
    }
  })

  it('fall back to the older one when a crash came between its two renames', async () => {
    const folder = await temporaryFolder()
    const checkpoints = openCheckpoints<State>(folder, realClock)
    await checkpoints.write(10, state('first'))
    await rename(join(folder, 'checkpoint.json'), join(folder, 'checkpoint.previous.json'))
    const again = openCheckpoints<State>(folder, realClock)
    expect([await again.read(), again.problems]).toEqual([{ seq: 10, data: state('first') }, []])
  })

  it('are none when both are bad: the journal is replayed whole', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'checkpoint.json'), '')
    await writeFile(join(folder, 'checkpoint.previous.json'), seal('{"v":1,"seq":"x","data":{}}'))
    const checkpoints = openCheckpoints<State>(folder, realClock)
    expect([await checkpoints.read(), checkpoints.problems.length]).toEqual([undefined, 2])
  })

  it('of another shape are not used', async () => {
    const folder = await temporaryFolder()
    await openCheckpoints<string>(folder, realClock).write(3, 'old form')
    const checkpoints = openCheckpoints<State>(folder, realClock, { isData: (data) => typeof data === 'object' })
    expect([await checkpoints.read(), checkpoints.problems.length]).toEqual([undefined, 1])
  })

  it('of a newer format are refused with a clear word', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'checkpoint.json'), '{"v":2,"all":"different"}')
    await expect(openCheckpoints<State>(folder, realClock).read()).rejects.toThrow(
      `The checkpoint in ${folder} was written by a newer troupe (format 2; this one reads up to 1).`,
    )
  })

  it('given faster than they can be written are written once, the newest', async () => {
    const fs = faultyFileSystem()
    const folder = await temporaryFolder()
    const checkpoints = openCheckpoints<State>(folder, realClock, { fs })
    await Promise.all(Array.from({ length: 50 }, (_, i) => checkpoints.write(i + 1, state(`${i + 1}`))))
    expect(await openCheckpoints<State>(folder, realClock).read()).toEqual({ seq: 50, data: state('50') })
    expect(fs.renames).toBeLessThan(5)
  })

  it('that cannot be written leave the last one as it was, and the next one is tried', async () => {
    const fs = faultyFileSystem()
    const folder = await temporaryFolder()
    const checkpoints = openCheckpoints<State>(folder, realClock, { fs })
    await checkpoints.write(10, state('first'))
    for (const fault of [
      { call: 'write', code: 'ENOSPC', partial: 5 },
      { call: 'sync', code: 'ENOSPC' },
      { call: 'open', code: 'ENOSPC' },
    ] as const) {
      fs.fault = fault
      await expect(checkpoints.write(20, state('second'))).rejects.toThrow('the disk is full')
    }
    expect(await readdir(folder)).toEqual(['checkpoint.json'])
    fs.fault = undefined
    await checkpoints.write(30, state('third'))
    expect(await openCheckpoints<State>(folder, realClock).read()).toEqual({ seq: 30, data: state('third') })
  })

  it('say so when their folder is gone', async () => {
    const folder = await temporaryFolder()
    await rm(folder, { recursive: true })
    await expect(openCheckpoints<State>(folder, realClock).write(1, state('x'))).rejects.toThrow(
      `Cannot write the checkpoint in ${folder}: the system refused.`,
    )
  })
})

describe('the time for a checkpoint', () => {
  it('has come when the tail is longer than 4 MB and twice the last one', () => {
    const cases: [tail: number, last: number][] = [
      [4 * MB, 0],
      [4 * MB + 1, 0],
      [4 * MB + 1, 2 * MB],
      [10 * MB, 5 * MB],
      [10 * MB + 1, 5 * MB],
    ]
    expect(cases.map(([tail, last]) => checkpointDue(tail, last))).toEqual([false, true, true, false, true])
  })
})
