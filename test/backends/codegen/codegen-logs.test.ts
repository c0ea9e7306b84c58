import { describe, expect, it } from 'vitest'
import { createCodegenClient } from '../../../src/backends/codegen/codegen-client.ts'
import { findTurnInLogs, readNewestLogs } from '../../../src/backends/codegen/codegen-logs.ts'
import { type AttemptKey, formatMark } from '../../../src/domain/ids.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../../support/pass-through-limiter.ts'
import { createFakeCodegen, json } from './fake-codegen.ts'

type Log = Readonly<Record<string, unknown>>
const KEY: AttemptKey = { run: 'run_1', task: 'manager', attempt: 1 }
const never = new AbortController().signal
const said = (turn: number, key = KEY): Log => ({
  message_type: 'USER_MESSAGE',
  observation: `Go on\n${formatMark(key, turn)}`,
})
const answer: Log = { message_type: 'FINAL_ANSWER', observation: 'Done' }
const step = (n: number): Log => ({ message_type: 'ACTION', thought: `step ${n}` })
const steps = (count: number) => Array.from({ length: count }, (_, n) => step(n))

function setUp(logs: readonly Log[]) {
  const clock = createVirtualClock()
  const fake = createFakeCodegen(clock, { runs: [{ id: 5, status: 'ACTIVE', logs }] })
  const limiter = createPassThroughLimiter()
  const client = createCodegenClient({ baseUrl: 'https://codegen.test', token: 't', fetch: fake.fetch, clock, limiter })
  return { fake, place: { client, organization: '7', id: '5' } }
}
const find = (logs: readonly Log[], turn: number) => findTurnInLogs(setUp(logs).place, { key: KEY, turn }, never)

describe('a turn', () => {
  it('is seen when its message has arrived, and answered when a final answer follows', async () => {
    expect(await find([said(1), step(1), answer, said(2), step(2)], 2)).toBe('seen')
    expect(await find([said(1), answer, said(2), step(2), answer], 2)).toBe('answered')
    expect(await find([said(1), answer], 2)).toBe('absent')
  })
  it('is not absent because a log does not show what was said before it either', async () => {
    expect(await find([], 2)).toBe('unknown')
    expect(await find([step(1), answer], 2)).toBe('unknown')
  })
  it('is not absent because a page that should show entries is empty', async () => {
    const { fake, place } = setUp([said(1)])
    fake.intercept = () => json({ logs: [], total_logs: 3 })
    expect(await findTurnInLogs(place, { key: KEY, turn: 2 }, never)).toBe('unknown')
  })
  it('is not answered by the answer to a later one', async () => {
    expect(await find([said(1), step(1), said(2), answer], 1)).toBe('seen')
  })
  it('is answered although a person said something in between', async () => {
    const aside = { message_type: 'USER_MESSAGE', observation: 'And be quick' }
    expect(await find([said(2), aside, answer], 2)).toBe('answered')
  })
  it('is not seen because an agent or another attempt mentions its mark', async () => {
    const quoted = { message_type: 'ACTION', observation: formatMark(KEY, 2) }
    expect(await find([said(1), quoted, said(2, { ...KEY, attempt: 3 })], 2)).toBe('absent')
  })
  it('is found many pages back', async () => {
    expect(await find([said(2), ...steps(950), answer], 2)).toBe('answered')
  })
  it('is unknown when it would take too many pages', async () => {
    expect(await find([said(2), ...steps(2500)], 2)).toBe('unknown')
  })
  it('is unknown when the log cannot be read, and refused when the token is', async () => {
    const { fake, place } = setUp([])
    fake.intercept = () => json({}, 500)
    expect(await findTurnInLogs(place, { key: KEY, turn: 2 }, never)).toBe('unknown')
    fake.intercept = () => json({}, 401)
    await expect(findTurnInLogs(place, { key: KEY, turn: 2 }, never)).rejects.toThrow('CODEGEN_API_TOKEN')
  })
})

describe('the log', () => {
  it('is the newest entries, oldest first', async () => {
    const entries = await readNewestLogs(setUp(steps(250)).place, 120, never)
    expect(entries.map((entry) => entry.text)).toEqual(
      steps(250)
        .slice(130)
        .map((entry) => entry['thought']),
    )
  })
  it('shows no entry twice when more are written meanwhile', async () => {
    const logs = steps(150)
    const { fake, place } = setUp(logs)
    fake.intercept = ({ path }) => {
      if (path.includes('skip=100')) logs.push(step(150), step(151), step(152))
      return undefined
    }
    const entries = await readNewestLogs(place, 150, never)
    expect(entries.map((entry) => entry.text)).toEqual(steps(150).map((entry) => entry['thought']))
  })
  it('joins what an entry says, and cuts it to 4 KB', async () => {
    const logs: Log[] = [
      {
        created_at: '2026-01-01 00:00:01.5',
        message_type: 'ACTION',
        thought: 'Look',
        tool_name: 'shell',
        tool_input: { command: 'ls' },
        tool_output: 'a.txt',
      },
      { message_type: 'ERROR', observation: `${'x'.repeat(4094)}😀${'y'.repeat(99)}` },
    ]
    expect(await readNewestLogs(setUp(logs).place, 10, never)).toEqual([
      { at: Date.UTC(2026, 0, 1) + 1500, type: 'ACTION', text: 'Look\n{"command":"ls"}\na.txt', tool: 'shell' },
      { at: null, type: 'ERROR', text: `${'x'.repeat(4094)}…` },
    ])
  })
  it('fails with the reason', async () => {
    const { fake, place } = setUp([])
    fake.intercept = () => json({ detail: 'Agent run not found.' }, 404)
    await expect(readNewestLogs(place, 10, never)).rejects.toThrow(
      'Codegen could not read the log of agent run 5: it answered 404: Agent run not found.',
    )
  })
})
