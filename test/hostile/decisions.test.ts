import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { decisionsOf, planned, short } from '../planning-world.ts'
import { type Asked, inHostileWorld } from './hostile-world.ts'
import { faultsOf } from './prompt-faults.ts'
import { ALL, EVIL, NAMED } from './texts.ts'

const report = (turn: number, result: Json, text: string) => ({
  result: JSON.stringify({ status: 'completed', task_id: text, turn, result, metrics: { [text]: 1 } }),
  summary: text,
})
/** What a manager wrote itself may stand in its tasks' prompts as it is: all else is held against the rule. */
const faults = (run: string, one: Asked) => faultsOf(run, one).filter((fault) => !fault.startsWith('outside of quotes'))
/** Its first prompt is the workflow’s, with the stand-in’s script. */
const beyondBrief = (asked: readonly Asked[]) => asked.filter(({ task, turn }) => task !== 'manager' || turn > 1)

describe('a manager that is hostile', () => {
  it('has its tasks carried out with its words as they are, and nothing in them means anything', async () => {
    const tasks = NAMED.map(([id, text]) => ({ id, prompt: `Say ${text}` }))
    const says = (turn: number) =>
      report(
        turn,
        turn === 1 ? { decision: 'delegate', reason: ALL, tasks } : { decision: 'finish', summary: ALL },
        ALL,
      )
    await inHostileWorld({ manager: says }, async ({ world, asked, of }) => {
      const run = await world.start(planned([]), { yes: true })
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(beyondBrief(asked).flatMap((one) => faults(run, one))).toEqual([])
      for (const [id] of NAMED) expect([id, of(id).length]).toEqual([id, 1])
      expect(of('t0')[0]).toMatch(/^Say EVIL \{\{ inputs\.secret \}\}/)
      expect((world.orchestrator.view(run).decisions ?? []).map(short)).toEqual([
        ['delegate', ...NAMED.map(([id]) => id)],
        ['finish', 'completed'],
      ])
    })
  })

  it.each(NAMED)('is told why as data where an id, a need or a role is such a text (%s)', async (_, text) => {
    const bad = { id: 'x', prompt: 'Do x', needs: [text], role: text, repository: text, [text]: text }
    const says = (turn: number) =>
      report(
        turn,
        turn === 1
          ? { decision: 'delegate', tasks: [bad] }
          : turn === 2
            ? { decision: 'delegate', tasks: [{ id: text, prompt: 'Do it' }] }
            : { decision: 'finish', summary: text, outcome: 'failed' },
        text,
      )
    await inHostileWorld({ manager: says }, async ({ world, asked }) => {
      const run = await world.start(planned([]), { yes: true })
      await world.settled(run)
      expect(asked.map(({ task, turn }) => [task, turn])).toEqual([
        ['manager', 1],
        ['manager', 2],
        ['manager', 3],
      ])
      expect(beyondBrief(asked).flatMap((one) => faults(run, one))).toEqual([])
      expect(decisionsOf(world.orchestrator.view(run)).map(([kind]) => kind)).toEqual(['refused', 'refused', 'finish'])
    })
  })

  it('hands the results of its tasks on as data, to others and to itself', async () => {
    const tasks = [
      { id: 'a', prompt: 'Do a' },
      { id: 'b', prompt: 'Do b', needs: ['a'] },
      { id: 'c', prompt: 'Do c', needs: ['a'], forEach: 'tasks.a.output.items' },
    ].map((task) => (task.id === 'a' ? { ...task, output: LIST } : task))
    const says = (turn: number) =>
      report(turn, turn === 1 ? { decision: 'delegate', tasks } : { decision: 'finish', summary: 'Done.' }, 'Done.')
    const hostile = {
      ...report(1, { items: NAMED.map(([, text]) => text) }, ALL),
      github_pull_requests: [{ title: ALL, url: `https://x.invalid/${ALL}`, head_branch_name: ALL }],
    }
    await inHostileWorld({ manager: says, a: hostile, b: hostile }, async ({ world, asked, of }) => {
      const run = await world.start(planned([]), { yes: true })
      expect(await world.settled(run)).toMatchObject({ status: 'completed' })
      const placed = asked.map((one) => ({ ...one, text: one.text.replace(/ Its work is on branch .*/, '') }))
      expect(beyondBrief(placed).flatMap((one) => faultsOf(run, one))).toEqual([])
      expect(beyondBrief(asked).flatMap((one) => faults(run, one))).toEqual([])
      expect([of('b')[0]?.includes(EVIL), of('manager')[1]?.includes(EVIL)]).toEqual([true, true])
      expect(NAMED.map((_, index) => of(`c[${index}]`).length)).toEqual(NAMED.map(() => 1))
    })
  })
})

const LIST = { type: 'object', properties: { items: { type: 'array', items: { type: 'string' } } } }
