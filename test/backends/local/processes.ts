import { randomUUID } from 'node:crypto'
import { type AgentProcess, type ProcessOptions, startProcess } from '../../../src/backends/local/agent-process.ts'
import { exists } from '../../../src/backends/local/process-group.ts'
import { OWNER_MARK, sweep } from '../../../src/backends/local/process-marks.ts'
import { factsOf } from '../../../src/backends/local/process-table.ts'
import type { Clock } from '../../../src/domain/clock.ts'
import { realClock } from '../../../src/host/clock.ts'

/** Processes of one test, all of which are gone when it ends. */
export class Processes {
  readonly owner = `test-${randomUUID()}`
  readonly env: Readonly<Record<string, string>> = { PATH: process.env['PATH'] ?? '', [OWNER_MARK]: this.owner }

  start(command: string, args: readonly string[], more: Partial<ProcessOptions> = {}): Promise<AgentProcess> {
    return startProcess({ command, args, cwd: '/', env: this.env, stdin: 'pipe', clock: realClock, ...more })
  }

  shell(script: string, more: Partial<ProcessOptions> = {}): Promise<AgentProcess> {
    return this.start('sh', ['-c', script], more)
  }

  node(script: string, more: Partial<ProcessOptions> = {}): Promise<AgentProcess> {
    return this.start(process.execPath, ['-e', script], more)
  }

  async end(): Promise<void> {
    await sweep(OWNER_MARK, this.owner, { clock: realClock })
  }
}

/** The machine's clock, but that timers of `limitMs` are due when the test says so, once one is armed. */
export function clockWithLimit(limitMs: number): { readonly clock: Clock; readonly expire: () => Promise<void> } {
  const limits = new Set<() => void>()
  const setTimer: Clock['setTimeout'] = (fn, ms) => {
    if (ms !== limitMs) return realClock.setTimeout(fn, ms)
    limits.add(fn)
    return fn
  }
  const clearTimer: Clock['clearTimeout'] = (handle) => {
    realClock.clearTimeout(handle)
  }
  const clock = { ...realClock, setTimeout: setTimer, clearTimeout: clearTimer }
  const expire = async () => {
    await until(() => limits.size > 0)
    for (const fn of limits) fn()
  }
  return { clock, expire }
}

/** Whether a process is there and not defunct. */
export async function lives(pid: number): Promise<boolean> {
  if (!exists(pid)) return false
  return process.platform !== 'linux' || (await factsOf(pid))?.defunct === false
}

/** Waits, as long as the test may take, until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10)
    })
  }
}

/** The next line of a process that is a number: a pid. */
export async function nextPid(lines: AsyncIterator<string>): Promise<number> {
  const { value, done } = await lines.next()
  if (done || !/^\d+$/.test(value)) throw new Error(`Not a pid: ${value}`)
  return Number(value)
}
