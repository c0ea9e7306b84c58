import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AgentProcess, endProcess, linesOf } from '../../../src/backends/local/agent-process.ts'
import { type Guard, startGuard } from '../../../src/backends/local/guard-process.ts'
import { sweep } from '../../../src/backends/local/process-marks.ts'
import { realClock } from '../../../src/host/clock.ts'
import { lives, nextPid, Processes, until } from './processes.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

let processes: Processes
beforeEach(() => {
  processes = new Processes()
})
afterEach(async () => {
  await sweep('TROUPE_GUARD', processes.owner, { clock: realClock })
  await sweep('TEST_TROUPE', processes.owner, { clock: realClock })
  await processes.end()
})

/** A troupe in a few lines: its guard, an agent, and what that started in a session of its own. Prints their pids. */
const TROUPE = `
const [parts, kind, owner, stays] = process.argv.slice(1)
const { startGuard } = await import(parts + '/backends/local/guard-process.' + kind)
const { realClock } = await import(parts + '/host/clock.' + kind)
const { spawn } = await import('node:child_process')
const guard = await startGuard(owner, { clock: realClock })
console.log(guard.pid)
if (stays === 'stays') {
  const env = { PATH: process.env.PATH, TROUPE_OWNER: owner }
  for (let i = 0; i < 2; i++) console.log(spawn('sleep', ['1000'], { env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] }).pid)
  setInterval(() => {}, 1000)
}
`
const KINDS = ['compiled', 'source'] as const

function startTroupe(kind: (typeof KINDS)[number], stays: 'stays' | 'ends'): Promise<AgentProcess> {
  const compiled = resolve(dirname(process.env['TROUPE_TEST_CLI'] ?? ''), '..')
  const parts = pathToFileURL(kind === 'compiled' ? compiled : resolve(ROOT, 'src')).href
  const loader = kind === 'compiled' ? [] : ['--import', 'tsx']
  const args = [...loader, '--input-type=module', '-e', TROUPE]
  // Not the owner's mark: the sweep is not to find it.
  const env = { PATH: process.env['PATH'] ?? '', TEST_TROUPE: processes.owner }
  const more = { env, cwd: ROOT, stdin: 'ignore' } as const
  const words = [parts, kind === 'compiled' ? 'js' : 'ts', processes.owner, stays]
  return processes.start(process.execPath, [...args, ...words], more)
}

async function pidsOf(troupe: AgentProcess) {
  const lines = linesOf(troupe.stdout)
  return { guard: await nextPid(lines), agents: [await nextPid(lines), await nextPid(lines)] as const }
}

const isGone = async (pid: number) => !(await lives(pid))

/** Whether a process has said that it deals with a signal of this number itself. */
function isCaught(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}

describe('the guard', () => {
  it.each(KINDS)('kills what troupe leaves when it is killed, and ends (%s)', async (kind) => {
    const troupe = await startTroupe(kind, 'stays')
    const { guard, agents } = await pidsOf(troupe)
    expect(await Promise.all([guard, ...agents].map(lives))).toEqual([true, true, true])
    process.kill(troupe.pid, 'SIGKILL')
    for (const pid of [...agents, guard]) await until(() => isGone(pid))
  })

  it('stays at its post when signals meant for troupe reach it', async () => {
    const troupe = await startTroupe('compiled', 'stays')
    const { guard, agents } = await pidsOf(troupe)
    if (process.platform === 'linux') {
      await until(() => isCaught(guard, 3))
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.kill(guard, signal)
    }
    process.kill(troupe.pid, 'SIGKILL')
    for (const pid of [...agents, guard]) await until(() => isGone(pid))
  })

  it('does not keep troupe from ending, and ends with it', async () => {
    const troupe = await startTroupe('compiled', 'ends')
    const guard = await nextPid(linesOf(troupe.stdout))
    expect(await troupe.exited).toEqual({ code: 0, signal: null })
    await until(() => isGone(guard))
  })

  it('ends without killing anything when it is closed, as often as that is asked', async () => {
    const agent = await processes.shell('sleep 1000')
    const guard: Guard = await startGuard(processes.owner, { clock: realClock })
    await Promise.all([guard.close(), guard.close()])
    expect([await lives(guard.pid), await lives(agent.pid)]).toEqual([false, true])
    await endProcess(agent, { clock: realClock, signal: 'SIGTERM', closeMs: 0 })
    await guard.close()
  })

  it('takes the place of an earlier one of its owner, which could still be at work', async () => {
    const agent = await processes.shell('sleep 1000')
    const earlier = await startGuard(processes.owner, { clock: realClock })
    const guard = await startGuard(processes.owner, { clock: realClock })
    expect([await lives(earlier.pid), await lives(guard.pid), await lives(agent.pid)]).toEqual([false, true, true])
    await Promise.all([earlier.close(), guard.close()])
  })
})
