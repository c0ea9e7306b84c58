import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import { activeMs, type BudgetFacts, reservedOf, TURNS_USED_UP, turnsUsed } from '../../src/host/budget-facts.ts'
import { RunProjection } from '../../src/host/run-projection.ts'

const AT = Date.UTC(2026, 0, 1)

/** Records of a run, a second apart. */
class Records {
  projection = new RunProjection()
  #seq = 0

  add(rest: Pick<JournalRecord, 'type' | 'actor'> & Partial<JournalRecord>): this {
    const seq = ++this.#seq
    this.projection.fold({ seq, at: new Date(AT + seq * 1_000).toISOString(), run: 'run_1', ...rest })
    return this
  }

  agent(id: string, to: string, data: JsonObject = {}, attempt = 1): this {
    const actor = { kind: id === 'manager' ? 'manager' : 'agent', id } as const
    return this.add({ type: 'transition', actor, task: id, attempt, to, data })
  }

  supervisor(to: string): this {
    return this.add({ type: 'transition', actor: { kind: 'supervisor', id: 'supervisor' }, to })
  }

  say(type: 'alert' | 'command' | 'progress', data: JsonObject): this {
    return this.add({ type, actor: { kind: 'supervisor', id: 'supervisor' }, data })
  }

  checkpointed(): this {
    this.projection = RunProjection.fromJson(JSON.parse(JSON.stringify(this.projection.toJson())) as JsonObject)
    return this
  }

  get budget(): BudgetFacts {
    return this.projection.budget
  }

  get used(): readonly number[] {
    const { cost, tokens } = this.budget
    return [cost, tokens, reservedOf(this.budget, 'cost'), reservedOf(this.budget, 'tokens')]
  }

  get active(): number {
    return activeMs(this.budget, AT, AT + (this.#seq + 1) * 1_000) / 1_000
  }
}

const told = () => new Records()
const RESERVED = { reserved: { cost: 2, tokens: 10 } }
const usage = (cost: number, tokens = 0) => ({ usage: { cost, tokens } })
const lateEnd = (holder: string, more: object = {}) =>
  ({ lateEnd: { holder, usable: false, status: 'x', ...more } }) as JsonObject

describe('what is set aside for an agent run', () => {
  it('is set aside with its intent and settled with its end', () => {
    const records = told().agent('a', 'pending').agent('a', 'creating', RESERVED)
    expect(records.used).toEqual([0, 0, 2, 10])
    records.agent('a', 'running').agent('a', 'reporting', usage(0.5, 4))
    expect(records.checkpointed().used).toEqual([0.5, 4, 1.5, 6])
    expect(records.agent('a', 'completed').used).toEqual([0.5, 4, 0, 0])
    expect(records.budget.open).toEqual({})
  })

  it.each([['pending'], ['pending.paused'], ['recovering']])('is given back by a certain refusal: %s', (state) => {
    const records = told().agent('a', 'creating', RESERVED).agent('a', state)
    expect([records.used, records.budget.agentRuns]).toEqual([[0, 0, 0, 0], 0])
  })

  it('stays while nobody knows whether it was created, and is given back when it was not', () => {
    const records = told().agent('a', 'creating', RESERVED).agent('a', 'creating.reconciling')
    expect(records.agent('a', 'escalated.doubtful').used).toEqual([0, 0, 2, 10])
    expect(records.agent('a', 'creating.reconciling').agent('a', 'pending').used).toEqual([0, 0, 0, 0])
  })

  it('stays for one that was given up until its late end, which is paid for once', () => {
    const gaveUp = { gaveUp: { task: 'a', attempt: 1 } }
    const records = told()
      .agent('a', 'creating', RESERVED)
      .agent('a', 'running.needsInput', usage(0.5))
      .agent('a', 'escalated.overdue')
      .agent('a', 'pending', gaveUp, 2)
      .agent('a', 'completed', {}, 2)
    expect(records.checkpointed().used).toEqual([0.5, 0, 1.5, 10])
    records.say('progress', lateEnd('run_1/a/1', usage(3)))
    expect([records.used, records.budget.open]).toEqual([[3, 0, 0, 0], {}])
  })
})

describe('what agent runs have used', () => {
  it('counts from the beginning of each: what was told before is not paid twice', () => {
    const records = told().agent('manager', 'running.deciding')
    for (const cost of [1, 3, 3])
      records.agent('manager', 'reporting', usage(cost)).agent('manager', 'running.deciding')
    expect(records.used).toEqual([3, 0, 0, 0])
  })

  it('is paid for in failure as in success, by each attempt', () => {
    const records = told().agent('a', 'recovering', usage(0.1, 5)).agent('a', 'retrying')
    records.agent('a', 'reporting', usage(0.2, 7), 2).agent('a', 'completed', {}, 2)
    expect([records.used, records.projection.settled.get('a')?.usage]).toEqual([
      [0.3, 12, 0, 0],
      { cost: 0.2, tokens: 7 },
    ])
  })

  it('is paid for a second agent run of one attempt, too', () => {
    const records = told()
      .agent('a', 'reporting', usage(1))
      .say('progress', lateEnd('run_1/a/1#77', usage(2)))
    expect(records.agent('a', 'completed').used).toEqual([3, 0, 0, 0])
  })
})

describe('the turns of a manager', () => {
  it('are those that were sent, in all its attempts', () => {
    const records = told().agent('manager', 'pending')
    expect(turnsUsed(records.budget)).toBe(0)
    records.agent('manager', 'creating').agent('manager', 'pending')
    expect(turnsUsed(records.budget)).toBe(0)
    records.agent('manager', 'creating').agent('manager', 'running.deciding')
    records.agent('manager', 'running.prompting', { turn: 2 }).agent('manager', 'reporting', { turn: 2 })
    expect(turnsUsed(records.checkpointed().budget)).toBe(2)
    records.agent('manager', 'recovering', { turn: 2 }).agent('manager', 'retrying', { turn: 2 })
    records.agent('manager', 'pending', {}, 2).agent('manager', 'creating', {}, 2)
    expect(turnsUsed(records.budget)).toBe(3)
  })

  it('are said to be used up once, and again after they were raised', () => {
    const records = told().say('alert', { code: TURNS_USED_UP })
    expect(records.budget.turnsSaid).toBe(true)
    records.say('command', { command: 'continue', budget: { agentRuns: 1 } })
    expect(records.budget.turnsSaid).toBe(true)
    expect(records.say('command', { command: 'continue', budget: { managerTurns: 1 } }).budget.turnsSaid).toBe(
      undefined,
    )
  })
})

describe('the time that a budget counts', () => {
  it.each([
    ['escalated', 0],
    ['escalated.doubtful', 0],
    ['escalated.overdue', 4],
    ['running.needsInput', 0],
    ['pending.approval', 0],
    ['pending.paused', 0],
    ['pending', 4],
    ['retrying', 4],
  ])('goes on for a run whose only agent is %s: %i of 4 s', (state, more) => {
    const records = told().supervisor('running').agent('a', state)
    const before = records.active
    for (let i = 0; i < 4; i++) records.say('alert', {})
    expect(records.active - before - (more === 0 ? 0 : 4)).toBe(0)
    expect(before + more).toBe(records.active)
  })

  it('goes on as long as one gets on beside those that wait, and a manager that is idle does not', () => {
    const records = told()
      .supervisor('running')
      .agent('manager', 'running.idle')
      .agent('a', 'escalated')
      .agent('b', 'running')
    // From the third record to the fourth everything waited.
    expect([records.budget.waitedMs, records.budget.waitingSince, records.active]).toEqual([1_000, undefined, 4])
    records.agent('b', 'completed').say('alert', {}).say('alert', {})
    expect(records.checkpointed().active).toBe(4)
    expect(records.agent('a', 'pending', {}, 2).active).toBe(5)
  })

  it('stands still for a manager that asks a person', () => {
    const records = told().supervisor('running').agent('manager', 'running.asking').say('alert', {}).say('alert', {})
    expect([records.active, records.agent('manager', 'running.prompting').active]).toEqual([2, 3])
  })

  it('stands still while the run is paused or has ended', () => {
    const records = told().supervisor('running').agent('a', 'running').supervisor('paused').say('alert', {})
    expect(records.active).toBe(3)
    records.supervisor('running').agent('a', 'completed').supervisor('completed').say('alert', {}).say('alert', {})
    expect(records.active).toBe(5)
    expect(records.supervisor('starting').active).toBe(6)
  })

  it('is read from a checkpoint of an earlier version', () => {
    const live = [
      ['supervisor', { state: 'running', attempt: 0, host: { v: 1, n: 1 } }],
      ['a', { state: 'escalated', attempt: 1, host: { v: 1, n: 1 } }],
    ]
    const rest = { settled: [], expansions: [], givenUp: [], raised: { agentRuns: 2 } }
    const old = { seq: 9, live, ...rest, created: 3, startedAt: AT, pausedMs: 5_000 } as unknown as JsonObject
    const { agentRuns, raised, waitedMs, held, busy } = RunProjection.fromJson(old).budget
    expect([agentRuns, raised, waitedMs, held, busy]).toEqual([3, { agentRuns: 2 }, 5_000, 1, 0])
  })
})
