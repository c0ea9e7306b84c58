import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endProcess, linesOf } from '../../../src/backends/local/agent-process.ts'
import {
  ATTEMPT_MARK,
  findMarked,
  OWNER_MARK,
  pidsInListing,
  sweep,
} from '../../../src/backends/local/process-marks.ts'
import { realClock } from '../../../src/host/clock.ts'
import { lives, nextPid, Processes, until } from './processes.ts'

let processes: Processes
beforeEach(() => {
  processes = new Processes()
})
afterEach(() => processes.end())

const clock = realClock
const sweepOwn = () => sweep(OWNER_MARK, processes.owner, { clock })

describe('sweep', () => {
  it('finds what a process has started in a session of its own, long after that has ended', async () => {
    const script =
      'const c = require("child_process").spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }); console.log(c.pid)'
    const agent = await processes.node(`${script}; setInterval(() => {}, 1000)`)
    const escaped = await nextPid(linesOf(agent.stdout))
    await endProcess(agent, { clock, signal: 'SIGTERM', closeMs: 1 })
    expect(await lives(escaped)).toBe(true)
    expect(await sweepOwn()).toEqual([escaped])
    expect(await lives(escaped)).toBe(false)
    expect(await sweepOwn()).toEqual([])
  })

  it('takes a value as a whole: attempt 10 is not attempt 1', async () => {
    const [run, ten] = [`run-${processes.owner}/task/1`, `run-${processes.owner}/task/10`]
    const first = await processes.shell('sleep 1000', { env: { ...processes.env, [ATTEMPT_MARK]: run } })
    const tenth = await processes.shell('sleep 1000', { env: { ...processes.env, [ATTEMPT_MARK]: ten } })
    const other = await processes.shell('sleep 1000', { env: { ...processes.env, [`X_${ATTEMPT_MARK}`]: run } })
    const killed = await sweep(ATTEMPT_MARK, run, { clock })
    expect([killed.includes(first.pid), await lives(first.pid)]).toEqual([true, false])
    expect([await lives(tenth.pid), await lives(other.pid)]).toEqual([true, true])
  })

  it('goes on until none is left, whatever they start meanwhile', async () => {
    const tree = await processes.shell('while :; do sh -c "sleep 1000 & sleep 1000 & wait" & echo x; sleep 0.02; done')
    const lines = linesOf(tree.stdout)
    for (let i = 0; i < 3; i++) await lines.next()
    await sweepOwn()
    expect(await findMarked(OWNER_MARK, processes.owner)).toEqual([])
    expect(await tree.exited).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('finds a process that goes by another title', async () => {
    const agent = await processes.node(
      'process.title = "x".repeat(500); console.log("ready"); setInterval(() => {}, 1000)',
    )
    await linesOf(agent.stdout).next()
    expect(await sweepOwn()).toEqual([agent.pid])
  })

  it('does not wait for what is defunct', async () => {
    const owner = `${processes.owner}-child`
    const parent = await processes.shell(`${OWNER_MARK}=${owner} sleep 1000 & echo $!; exec sleep 1000`)
    const child = await nextPid(linesOf(parent.stdout))
    await until(async () => (await findMarked(OWNER_MARK, owner)).includes(child))
    expect(await sweep(OWNER_MARK, owner, { clock })).toEqual([child])
    expect(await lives(parent.pid)).toBe(true)
  })

  it('reads the listing of macOS, where variables follow the arguments', () => {
    const listing = [
      '    1 /sbin/launchd',
      '  501 node agent.js A=run/task/1 PATH=/bin TROUPE_ATTEMPT=run/task/1 HOME=/Users/me',
      '  502 node agent.js TROUPE_ATTEMPT=run/task/10',
      '  503 sleep 1000 X_TROUPE_ATTEMPT=run/task/1',
      '70001 sh TROUPE_ATTEMPT=run/task/1',
      '',
    ].join('\n')
    expect(pidsInListing(listing, ATTEMPT_MARK, 'run/task/1')).toEqual([501, 70_001])
  })
})
