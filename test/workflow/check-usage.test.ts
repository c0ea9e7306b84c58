import { describe, expect, it } from 'vitest'
import { createSimulatedBackend } from '../../src/backends/simulated/simulated-backend.ts'
import type { Workflow } from '../../src/domain/workflow.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { usageRefusal } from '../../src/workflow/check-usage.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { withBackend } from '../../src/workflow-backends.ts'
import { mistakesIn } from './mistakes.ts'

const task = (backend?: string) => `{ prompt: y${backend === undefined ? '' : `, backend: ${backend}`} }`
const REFUSED = 'does not; leave it out, or limit agentRuns or duration'

describe('a budget of what backends report', () => {
  it('is refused where one of them does not, saying which and who uses it', () => {
    expect(
      mistakesIn(`name: x
budget: { cost: 5, tokens: 100 }
manager: { prompt: watch }
tasks: { a: ${task('simulated')}, b: ${task()}, c: ${task('codegen')} }
`),
    ).toEqual([
      `2:11 budget.cost: needs backends that report what an agent uses, and 'codegen' (used by b, c, manager) ${REFUSED}`,
      `2:20 budget.tokens: needs backends that report what an agent uses, and 'codegen' (used by b, c, manager) ${REFUSED}`,
    ])
  })

  it('names five of those that use it', () => {
    const tasks = Array.from({ length: 7 }, (_, i) => `t${i}: ${task()}`).join(', ')
    expect(mistakesIn(`name: x\nbudget: { tokens: 9 }\ntasks: { ${tasks} }\n`)).toEqual([
      `2:11 budget.tokens: needs backends that report what an agent uses, and 'codegen' (used by t0, t1, t2, t3, t4 and 2 more) ${REFUSED}`,
    ])
  })

  it('is taken where all of them do, with what a manager plans', () => {
    const top = 'name: x\nbudget: { cost: 0.5 }\ndefaults: { backend: simulated }\n'
    expect(mistakesIn(`${top}manager: { plan: true, objective: z }\n`)).toEqual([])
    expect(mistakesIn(`${top}tasks: { a: ${task()} }\n`)).toEqual([])
    expect(
      mistakesIn('name: x\nbudget: { cost: 1 }\nmanager: { plan: true, objective: z, backend: simulated }\n'),
    ).toEqual([
      `2:11 budget.cost: needs backends that report what an agent uses, and 'codegen' (used by the tasks it plans) ${REFUSED}`,
    ])
  })

  it('is taken for agents of this machine that report it: what Codex uses is known, what it costs is not', () => {
    const all = `{ a: ${task('acp:claude')}, b: ${task('command:claude')}, c: ${task('acp:codex')} }`
    expect(mistakesIn(`name: x\nbudget: { tokens: 9 }\ntasks: ${all}\n`)).toEqual([])
    expect(mistakesIn(`name: x\nbudget: { cost: 9, tokens: 9 }\ntasks: ${all}\n`)).toEqual([
      `2:11 budget.cost: needs backends that report what an agent uses, and 'acp:codex' (used by c) ${REFUSED}`,
    ])
    expect(mistakesIn(`name: x\nbudget: { tokens: 9 }\ntasks: { a: ${task('command:mine')} }\n`)).toEqual([
      `2:11 budget.tokens: needs backends that report what an agent uses, and 'command:mine' (used by a) ${REFUSED}`,
    ])
  })

  it('is refused at the start of a run whose agents are moved to another backend', () => {
    const workflow = defineWorkflow({
      name: 'x',
      budget: { cost: 5 },
      tasks: { a: { prompt: 'y', backend: 'simulated' } },
    })
    expect(withBackend(workflow, 'simulated')).toEqual(workflow)
    expect(() => withBackend(workflow, 'codegen')).toThrow(
      `budget.cost: needs backends that report what an agent uses, and 'codegen' (used by a) ${REFUSED}.`,
    )
  })

  it('is a matter of what each backend says that it can do', () => {
    const { id, capabilities } = createSimulatedBackend({ clock: createVirtualClock(), seed: 1 })
    const workflow = (backend: string) =>
      ({ budget: { cost: 1 }, tasks: [{ id: 'a', backend }] }) as unknown as Workflow
    expect([capabilities.usage, usageRefusal(workflow(id))]).toEqual([true, undefined])
  })
})
