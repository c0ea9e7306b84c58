import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findProgram, programVersion } from '../../../src/backends/local/find-program.ts'
import { findMarked, OWNER_MARK } from '../../../src/backends/local/process-marks.ts'
import { BackendError } from '../../../src/domain/errors.ts'
import { realClock } from '../../../src/host/clock.ts'
import { clockWithLimit, Processes, until } from './processes.ts'

let folder: string
let processes: Processes
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-program-'))
  processes = new Processes()
})
afterEach(async () => {
  await processes.end()
  rmSync(folder, { recursive: true, force: true })
})

function program(path: string, text: string): string {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

async function failureOf(version: Promise<string>) {
  const error = await version.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof BackendError)) throw new Error('It was answered.', { cause: error })
  return { kind: error.kind, retryable: error.retryable, message: error.message }
}

describe('findProgram', () => {
  it('takes the first on the PATH that is a program', async () => {
    mkdirSync(join(folder, 'one/agent'), { recursive: true })
    writeFileSync(join(folder, 'no-program'), '')
    const second = program('two/agent', '')
    program('three/agent', '')
    const PATH = ['one', 'two', 'three', ''].map((name) => join(folder, name)).join(':')
    expect(await findProgram('agent', { PATH })).toBe(second)
    expect(await findProgram('no-program', { PATH })).toBe(undefined)
    expect(await findProgram('another', { PATH })).toBe(undefined)
    expect(await findProgram('agent', {})).toBe(undefined)
    expect(await findProgram('', { PATH })).toBe(undefined)
  })

  it('passes over folders of a PATH that depend on where one is', async () => {
    program('agent', '')
    expect(await findProgram('agent', { PATH: `:.:${relative('.', folder)}` })).toBe(undefined)
  })

  it('takes a path as it is, made absolute', async () => {
    const file = program('agent', '')
    expect(await findProgram(file, {})).toBe(file)
    expect(await findProgram(relative('.', file), {})).toBe(file)
    expect(await findProgram(`${file}-not`, { PATH: folder })).toBe(undefined)
  })
})

describe('programVersion', () => {
  const versionOf = (path: string, clock = realClock, signal = new AbortController().signal) =>
    programVersion(path, ['--version'], processes.env, { clock, signal })

  it('is the first line that it prints', async () => {
    const file = program('agent', 'echo; printf "\\033[1magent 2.1.197\\033[0m (of $1)\\nmore\\n"')
    expect(await versionOf(file)).toBe('agent 2.1.197 (of --version)')
  })

  it('says how a program failed', async () => {
    const file = program('agent', 'echo "Node 22 is needed" >&2; exit 3')
    expect(await failureOf(versionOf(file))).toEqual({
      kind: 'refused',
      retryable: false,
      message: `'${file} --version' ended with code 3: Node 22 is needed Try it by hand: it must work there first.`,
    })
    const silent = program('silent', 'exit 0')
    expect(await failureOf(versionOf(silent))).toEqual({
      kind: 'refused',
      retryable: false,
      message: `'${silent} --version' printed nothing. Try it by hand: it must work there first.`,
    })
  })

  it('does not wait for ever, and leaves nothing running', async () => {
    const file = program('agent', 'sleep 1000')
    const { clock, expire } = clockWithLimit(30_000)
    const failure = failureOf(versionOf(file, clock))
    await until(async () => (await findMarked(OWNER_MARK, processes.owner)).length > 0)
    await expire()
    expect(await failure).toEqual({
      kind: 'timeout',
      retryable: true,
      message: `'${file} --version' said nothing for 30 s.`,
    })
    expect(await findMarked(OWNER_MARK, processes.owner)).toEqual([])
  })

  it('ends when it is no longer wanted', async () => {
    const file = program('agent', 'sleep 1000')
    const stop = new AbortController()
    const answer = versionOf(file, realClock, stop.signal)
    await until(async () => (await findMarked(OWNER_MARK, processes.owner)).length > 0)
    stop.abort(new Error('Enough'))
    await expect(answer).rejects.toThrow('Enough')
    expect(await findMarked(OWNER_MARK, processes.owner)).toEqual([])
    await expect(versionOf(file, realClock, stop.signal)).rejects.toThrow('Enough')
  })
})
