import { describe, expect, it } from 'vitest'
import type { BudgetRaise } from '../src/domain/budget.ts'
import type { TaskSpec, Workflow } from '../src/domain/workflow.ts'
import type { RunHost } from '../src/host/run-host.ts'
import { RunProjection } from '../src/host/run-projection.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { RunBudget, turnsLeft } from '../src/run-budget.ts'

/** A run's budget over a projection of its own. */
function budgetOf(budget: Workflow['budget'], spec: Partial<TaskSpec> = {}) {
  const projection = new RunProjection()
  const host = { projection, workflow: { budget }, reason: undefined } as unknown as RunHost
  const given = new RunBudget(
    () => host,
    createVirtualClock(),
    (id) => ({ id, ...spec }) as TaskSpec,
  )
  let seq = 0
  const told = (id: string, to: string, data: object = {}) =>
    projection.fold({
      seq: ++seq,
      at: '2026-01-01T00:00:00.000Z',
      type: 'transition',
      run: 'run_1',
      actor: { kind: 'agent', id },
      task: id,
      attempt: 1,
      to,
      data: data as never,
      host: { v: 1, n: seq },
    })
  return { given, told, projection, host }
}

describe('what is granted at one instant', () => {
  it('is counted before any record tells of it', () => {
    const { given, told } = budgetOf({ agentRuns: 2, cost: 5 }, { estimateCost: 2 })
    for (const id of ['a', 'b', 'c']) told(id, 'pending')
    expect([given.reserve('a', 1), given.reserve('b', 1), given.reserve('c', 1)]).toEqual([
      { cost: 2 },
      { cost: 2 },
      'The budget of 2 agent runs is used up',
    ])
  })

  it('is counted by its record from then on, not twice', () => {
    const { given, told } = budgetOf({ agentRuns: 2, cost: 4 }, { estimateCost: 2 })
    for (const id of ['a', 'b']) told(id, 'pending')
    const reserved = given.reserve('a', 1)
    told('a', 'creating', { reserved })
    expect(given.reserve('b', 1)).toEqual({ cost: 2 })
  })

  it('is free again when the task was cancelled instead, or its create certainly refused', () => {
    const { given, told } = budgetOf({ agentRuns: 1, cost: 2 }, { estimateCost: 2 })
    for (const id of ['a', 'b', 'c']) told(id, 'pending')
    given.reserve('a', 1)
    told('a', 'cancelled')
    const reserved = given.reserve('b', 1)
    expect(reserved).toEqual({ cost: 2 })
    told('b', 'creating', { reserved })
    expect(given.reserve('c', 1)).toBe('The budget of 1 agent runs is used up')
    told('b', 'pending')
    expect(given.reserve('c', 1)).toEqual({ cost: 2 })
  })

  it('is granted again to the same attempt whose create was put back', () => {
    const { given, told } = budgetOf({ agentRuns: 1 })
    told('a', 'pending')
    given.reserve('a', 1)
    told('a', 'creating')
    told('a', 'pending')
    expect(given.reserve('a', 1)).toBe(undefined)
  })
})

describe('to go on with a used-up budget', () => {
  const refusal = (budget: Workflow['budget'], raise: BudgetRaise | undefined) => {
    const { given, host } = budgetOf(budget, { estimateCost: 3 })
    Object.assign(host, { reason: { kind: 'budget', message: String(given.reserve('a', 1)) } })
    try {
      given.refuseVain(raise)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : error
    }
  }

  it('is refused where the same would be refused again', () => {
    expect(refusal({ cost: 2 }, undefined)).toBe(
      'The budget of 2 dollars is used up: 0 used, 3 expected of a; raise it, as in --budget cost=+5.',
    )
    expect(refusal({ cost: 4 }, undefined)).toBe(undefined)
  })

  it('is refused where only parts are raised that nothing bounds', () => {
    expect(refusal({ cost: 2 }, { tokens: 5, agentRuns: 1 })).toBe(
      'Nothing bounds agentRuns and tokens of this run: its budget has cost.',
    )
    expect(refusal({}, { tokens: 5 })).toBe('Nothing bounds tokens of this run: it has no budget.')
    expect(refusal({ cost: 2 }, { tokens: 5, cost: 5 })).toBe(undefined)
  })
})

describe('the turns of the manager', () => {
  it('are left as long as they are not used up', () => {
    const { host, projection } = budgetOf({ managerTurns: 2 })
    projection.budget.turns.now = 1
    expect(turnsLeft(host)).toBe(true)
    projection.budget.turns.before = 1
    expect(turnsLeft(host)).toEqual({ allowed: 2 })
    projection.budget.raised['managerTurns'] = 1
    expect(turnsLeft(host)).toBe(true)
  })
})
