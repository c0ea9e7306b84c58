import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findMarked, OWNER_MARK } from '../../../src/backends/local/process-marks.ts'
import { type CommandOptions, runCommands } from '../../../src/backends/local/run-commands.ts'
import type { CheckResult, CommandLine } from '../../../src/domain/local-work.ts'
import { realClock } from '../../../src/host/clock.ts'
import { clockWithLimit, Processes, until } from './processes.ts'

let cwd: string
let processes: Processes
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'troupe-commands-')))
  processes = new Processes()
})
afterEach(async () => {
  await processes.end()
  rmSync(cwd, { recursive: true, force: true })
})

/** What of a result does not depend on the time. */
async function run(
  commands: readonly CommandLine[],
  more: Partial<CommandOptions> = {},
): Promise<Omit<CheckResult, 'ms'>> {
  const { signal } = new AbortController()
  const options = { clock: realClock, cwd, env: processes.env, timeoutMs: 60_000, signal, ...more }
  const { ms, ...result } = await runCommands(commands, options)
  expect(ms).toBeGreaterThanOrEqual(0)
  return result
}

const sh = (script: string): CommandLine => ['sh', '-c', script]

describe('runCommands', () => {
  it('runs them one after the other, in their folder, and passes when all did', async () => {
    const last = sh('echo two >> log; cat log')
    expect(await run([sh('pwd > log'), last])).toEqual({
      passed: true,
      command: last,
      exitCode: 0,
      output: `${cwd}\ntwo\n`,
    })
    expect(await run([])).toEqual({ passed: true, command: ['true'], exitCode: 0, output: '' })
  })

  it('stops at the first that fails, and keeps what that one printed', async () => {
    const failing = sh('echo to stdout; echo to stderr >&2; exit 3')
    const { output, ...result } = await run([sh('echo first'), failing, sh('echo never > log')])
    expect(result).toEqual({ passed: false, command: failing, exitCode: 3 })
    expect(output.split('\n').sort()).toEqual(['', 'to stderr', 'to stdout'])
    expect(existsSync(join(cwd, 'log'))).toBe(false)
  })

  it('hands arguments over as they are: no shell reads them', async () => {
    expect((await run([['printf', '%s|', '$HOME', '*', '; exit 1', '']])).output).toBe('$HOME|*|; exit 1||')
  })

  it('gives them nothing to read and no environment but the given', async () => {
    const env = { ...processes.env, GIVEN: 'yes' }
    expect((await run([sh('cat; echo "$GIVEN-$HOME"')], { env })).output).toBe('yes-\n')
  })

  it('keeps the end of a long output as whole plain lines', async () => {
    const script = 'for (let i = 0; i < 9999; i++) console.log("\\x1b[31mline " + i + "\\x1b[0m"); process.exitCode = 1'
    const { output } = await run([[process.execPath, '-e', script]])
    expect(output).toMatch(/^\[the beginning is cut, about \d+ KB\]\nline \d{4}\nline /)
    expect(output.endsWith('line 9997\nline 9998\n')).toBe(true)
    expect(output.length).toBeLessThan(16 * 1024 + 100)
  })

  it('says that one took too long, and kills it though it does not heed a signal', async () => {
    const slow = sh('echo begun; trap "" TERM; echo > log; while :; do sleep 1000; done')
    const { clock, expire } = clockWithLimit(60_000)
    const running = run([slow], { clock })
    await until(() => existsSync(join(cwd, 'log')))
    await expire()
    expect(await running).toEqual({
      passed: false,
      command: slow,
      exitCode: null,
      trouble: 'took longer than 60 s and was stopped',
      output: 'begun\n',
    })
    expect(await findMarked(OWNER_MARK, processes.owner)).toEqual([])
  })

  it('says that a program does not exist', async () => {
    expect(await run([['no-such-program', 'test']])).toEqual({
      passed: false,
      command: ['no-such-program', 'test'],
      exitCode: null,
      trouble: 'could not be started: no such program was found on the PATH. Install it, or give its whole path.',
      output: '',
    })
  })

  it('says which signal ended one', async () => {
    const crashing = sh('kill -SEGV $$')
    expect(await run([crashing])).toEqual({
      passed: false,
      command: crashing,
      exitCode: null,
      trouble: 'was ended by SIGSEGV',
      output: '',
    })
  })

  it('leaves nothing of what a command has started in its group', async () => {
    const result = await run([sh('sleep 1000 & echo done')])
    expect(result.output).toBe('done\n')
    expect(await findMarked(OWNER_MARK, processes.owner)).toEqual([])
  })

  it('ends at once when it is no longer wanted', async () => {
    const stop = new AbortController()
    const running = run([sh('sleep 1000'), sh('echo never > log')], { signal: stop.signal })
    await until(async () => (await findMarked(OWNER_MARK, processes.owner)).length > 0)
    stop.abort(new Error('Enough'))
    await expect(running).rejects.toThrow('Enough')
    expect(await findMarked(OWNER_MARK, processes.owner)).toEqual([])
    await expect(run([sh('echo never > log')], { signal: stop.signal })).rejects.toThrow('Enough')
    expect(existsSync(join(cwd, 'log'))).toBe(false)
  })
})
