import { describe, expect, it } from 'vitest'
import { renderShow } from '../../src/cli/show-text.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import { planningMachine } from '../../src/machines/planning-machine.ts'
import { isFinalState, publicState } from '../../src/machines/public-state.ts'
import { emptyFacts, foldRecord, type RunFacts } from '../../src/registry.ts'
import { buildRunView } from '../../src/run-view.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { planningInput, planningPaths } from '../machines/planning-events.ts'
import { walk } from '../machines/pure-steps.ts'

const RUN = 'run_1'
const AT = Date.UTC(2026, 0, 1, 12)
const iso = (ms: number) => new Date(ms).toISOString()
const workflow = defineWorkflow({
  name: 'objective',
  defaults: { repository: 'acme/shop' },
  manager: { plan: true, objective: 'Add login' },
})

/** A run whose manager's transitions are told, a second apart; a minute after the first record is now. */
class Told {
  readonly facts: RunFacts = emptyFacts(RUN)

  constructor() {
    this.#add('run', 'supervisor', { data: { name: 'objective', inputs: {}, standIn: false } })
    this.#add('transition', 'supervisor', { to: 'running' })
  }

  to(state: string, data: JsonObject = {}): this {
    return this.#add('transition', 'manager', { task: 'manager', attempt: 1, to: state, data })
  }

  paused(message: string): this {
    return this.#add('transition', 'supervisor', { to: 'paused', data: { reason: { kind: 'budget', message } } })
  }

  #add(type: 'run' | 'transition', id: 'supervisor' | 'manager', rest: object): this {
    const seq = this.facts.seq + 1
    const host = { v: 1, n: seq } as const
    foldRecord(this.facts, { seq, at: iso(AT + seq * 1_000), run: RUN, type, actor: { kind: id, id }, host, ...rest })
    return this
  }

  lines(): readonly string[] {
    const view = buildRunView(workflow, this.facts, { waiting: () => undefined, lastSign: () => undefined })
    return renderShow(view, { width: 200, now: AT + 60_000, paint: (text) => text, dataDir: '.troupe' })
  }

  manager(): readonly string[] {
    const lines = this.lines()
    const start = lines.findIndex((line) => /^\S manager /.test(line))
    const end = lines.findIndex((line, index) => index > start && !line.startsWith('    '))
    return lines.slice(start + 1, end < 0 ? undefined : end)
  }
}

const WAITS = 'nothing: it goes on by itself'
const EACH = {
  answer: `troupe task ${RUN} manager answer --text TEXT        answer what its agent asks`,
  retry: `troupe task ${RUN} manager retry [--prompt TEXT]     a new attempt by a new agent`,
  wait: `troupe task ${RUN} manager wait [DURATION]           wait longer`,
  complete: `troupe task ${RUN} manager complete [--result JSON]  take a result that you give`,
  fail: `troupe task ${RUN} manager fail [--reason TEXT]      let it fail`,
} as const
const RETRYING = `troupe task ${RUN} manager retry [--prompt TEXT] | complete [--result JSON] | fail [--reason TEXT]`
const each = (...names: (keyof typeof EACH)[]) => names.map((name) => EACH[name])
const DELEGATED = { decision: { kind: 'delegate', tasks: [], turn: 1, round: 1 } } as unknown as JsonObject

/** Every state of a manager that plans that is not final. */
const STATES: Readonly<
  Record<string, readonly [told: Told, why: string, until: string, can: readonly string[], asks?: string]>
> = {
  pending: [new Told().to('pending'), 'waits for a slot', 'there is room', [WAITS]],
  creating: [new Told().to('creating'), 'its agent is being created', 'the backend has answered', [WAITS]],
  'creating.reconciling': [
    new Told().to('creating.reconciling'),
    'outcome unknown, reconciling',
    'the backend has answered',
    [WAITS],
  ],
  'running.deciding': [new Told().to('running.deciding'), 'its agent works', 'its agent ends', [WAITS]],
  'running.idle': [
    new Told().to('running.idle', DELEGATED),
    'waits until all tasks have settled',
    'there is something to tell it',
    [WAITS],
  ],
  'running.prompting': [
    new Told().to('running.prompting'),
    'is being told what settled',
    'the backend has answered',
    [WAITS],
  ],
  'running.asking': [
    new Told().to('running.asking', { reason: 'Which database?', note: 'it asks: Which database?' }),
    'it asks a person',
    'a person answers it',
    each('answer', 'complete', 'fail'),
    'Which database?',
  ],
  reporting: [
    new Told().to('reporting'),
    'its agent has ended, its report is being read',
    'the backend has answered',
    [WAITS],
  ],
  recovering: [new Told().to('recovering'), 'its failure is being looked into', 'the backend has answered', [WAITS]],
  retrying: [
    new Told().to('retrying'),
    'attempt 1 failed; attempt 2 begins soon',
    'its delay is over, then attempt 2 begins',
    [RETRYING],
  ],
  escalated: [
    new Told().to('escalated', { reason: 'It broke. No attempt is left (3 of 3).' }),
    'It broke. No attempt is left (3 of 3).',
    'a person decides',
    each('retry', 'complete', 'fail'),
  ],
  'escalated.undecided': [
    new Told().to('escalated.undecided', { reason: 'Its decisions were refused three times in a row' }),
    'Its decisions were refused three times in a row',
    'a person decides',
    each('answer', 'retry', 'complete', 'fail'),
  ],
  'escalated.doubtful': [
    new Told().to('escalated.doubtful', { reason: 'Nobody knows whether the manager was created' }),
    'Nobody knows whether the manager was created',
    'a person decides',
    each('retry', 'wait', 'complete', 'fail'),
  ],
  'escalated.overdue': [
    new Told().to('escalated.overdue', { reason: 'The manager has not decided in time; it may still be at work' }),
    'The manager has not decided in time; it may still be at work',
    'a person decides, or its agent ends',
    each('retry', 'wait', 'complete', 'fail'),
  ],
  cancelling: [new Told().to('cancelling'), 'is being cancelled', 'the backend has answered', [WAITS]],
}

describe('troupe show of a manager that plans', () => {
  it.each(Object.entries(STATES))('says why, since when, until when and what a person can do: %s', (_, state) => {
    const [told, why, until, can, asks] = state
    const lines = told.manager().filter((line) => !line.startsWith('    used'))
    expect(lines.map((line) => line.trimEnd())).toEqual([
      `    why    ${why}`,
      '    since  2026-01-01T12:00:03.000Z (57s ago)',
      `    until  ${until}`,
      ...(asks === undefined ? [] : [`    asks   ${asks}`]),
      ...can.map((line, index) => `    ${(index === 0 ? 'can' : '').padEnd(6)} ${line}`),
    ])
  })

  it('has a row for every state that it can rest in', () => {
    const states = Object.values(planningPaths).map((events) =>
      publicState(walk(planningMachine, planningInput(), events).value),
    )
    expect(new Set(Object.keys(STATES))).toEqual(new Set(states.filter((state) => !isFinalState(state))))
  })

  it('says that it waits for its run, and why that is paused', () => {
    const told = new Told().to('running.idle', DELEGATED).paused('The budget of 2 manager turns is used up')
    expect(told.manager()[0]).toBe('    why    The budget of 2 manager turns is used up')
    expect(told.lines().join('\n')).toContain(`troupe continue ${RUN} --budget managerTurns=+5`)
  })

  it('lists every decision and each one that was refused, with its reasons', () => {
    const decided = (decision: object, state = 'running.idle') =>
      told.to(state, { decision: { turn: 1, round: 1, ...decision } } as unknown as JsonObject)
    const told = new Told()
    decided({
      kind: 'delegate',
      reason: 'First this.',
      tasks: [
        { id: 'spec', needs: [] },
        { id: 'plan', needs: [] },
      ],
    })
    decided({ kind: 'refused', round: 2, problems: ['task x: the id is used twice', 'a\u001b[31m circle'] })
    decided({ kind: 'ask', round: 2, question: 'Which database?' }, 'running.asking')
    decided({ kind: 'finish', round: 3, summary: 'All done.', outcome: 'completed' }, 'completed')
    const lines = told.lines()
    expect(lines.slice(lines.indexOf('Decisions:'), lines.indexOf('Decisions:') + 7)).toEqual([
      'Decisions:',
      '  2026-01-01T12:00:03.000Z 1. delegate spec, plan: First this.',
      '  2026-01-01T12:00:04.000Z 2. refused',
      '      task x: the id is used twice',
      '      a circle',
      '  2026-01-01T12:00:05.000Z 2. ask: Which database?',
      '  2026-01-01T12:00:06.000Z 3. finish completed: All done.',
    ])
  })
})
