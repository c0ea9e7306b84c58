import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import { legalManagerCommands } from '../../src/machines/manager-commands.ts'
import type { ManagerPolicy } from '../../src/machines/manager-context.ts'
import { planningMachine, YES } from '../../src/machines/planning-machine.ts'
import { isFinalState, publicState } from '../../src/machines/public-state.ts'
import { done, FOUND, REF } from './effect-events.ts'
import { managerPaths } from './manager-events.ts'
import { type PlanningState, planningEvents, planningInput, planningPaths } from './planning-events.ts'
import { planningRunTable } from './planning-run-table.ts'
import { planningTurnTable } from './planning-turn-table.ts'
import { actionsOf, inputOf, leafName, leafNames, walk } from './pure-steps.ts'
import { readRows, type StateEventTable, typesOf } from './state-event-table.ts'

const table: StateEventTable<PlanningState, typeof planningEvents> = { ...planningTurnTable, ...planningRunTable }
const { commands, slots, create, reconcile, watch, news, prompt, decision, diagnose, timers } = planningEvents
const ATTEMPT = { task: 'manager', attempt: 1 }

const reached = (events: readonly AnyEventObject[], policy: Partial<ManagerPolicy> = {}) =>
  walk(planningMachine, planningInput(policy), events)
const snapshots = Object.fromEntries(Object.entries(planningPaths).map(([state, events]) => [state, reached(events)]))
const named = (events: readonly AnyEventObject[], policy?: Partial<ManagerPolicy>) =>
  leafName(reached(events, policy).value)
const asked = (events: readonly AnyEventObject[], event: AnyEventObject) =>
  actionsOf(planningMachine, reached(events), event)

describe('the table of a manager that plans', () => {
  it('has a row for each state in which it rests, and a column for each event', () => {
    const resting = leafNames(planningMachine).filter((name) => name !== 'admitting')
    expect(new Set(resting)).toEqual(new Set(Object.keys(planningPaths)))
    expect(typesOf(planningEvents)).toEqual(new Set(planningMachine.events))
  })

  it.each(Object.entries(planningPaths))('names the state that each way leads to: %s', (state, events) => {
    expect(named(events)).toBe(state)
  })

  it.each(Object.entries(planningEvents))('is what the machine does: %s', (family, events) => {
    expect(readRows(planningMachine, events, snapshots)).toEqual(table[family as keyof typeof table])
  })
})

describe('what a person may say to a manager', () => {
  const { cancel: _cancel, finish: _finish, ...ofPeople } = commands

  it.each(Object.entries(snapshots))('is what one that plans takes: %s', (_, snapshot) => {
    const taken = Object.entries(ofPeople).flatMap(([name, event]) => (snapshot.can(event) ? [name] : []))
    expect(new Set(legalManagerCommands(publicState(snapshot.value), true))).toEqual(new Set(taken))
  })

  it.each(Object.keys(managerPaths))('is nothing where it does not plan: %s', (state) => {
    expect(legalManagerCommands(state, false)).toEqual([])
  })

  it('or an effect or a deadline leads out of every state that is not final (I11)', () => {
    const stuck = Object.entries(snapshots).filter(([, snapshot]) => {
      const state = publicState(snapshot.value)
      const goesOn = Object.keys(snapshot.children).length > 0 || state === 'retrying'
      return !isFinalState(state) && !goesOn && legalManagerCommands(state, true).length === 0
    })
    expect(stuck.map(([state]) => state)).toEqual([])
  })
})

describe('the decisions of a manager that plans', () => {
  const { reporting, 'running.idle': idle } = planningPaths
  const applied = (round: number, turn: number, output: unknown) => ['applyDecision', { decision: output, turn, round }]
  const turn = [news.changed, prompt.done, watch.complete]

  it.each(['delegate', 'finish', 'ask', 'refused'] as const)('are carried out with their record: %s', (name) => {
    expect(asked(reporting, decision[name])[0]).toEqual(applied(1, 1, decision[name].output))
  })

  it('are counted by rounds, and each by the turn that it ended', () => {
    const second = [...idle, ...turn]
    expect(asked(second, decision.delegate)[0]).toEqual(applied(2, 2, decision.delegate.output))
    expect(asked([...second, decision.refused, ...turn], decision.delegate)[0]).toEqual(
      applied(2, 3, decision.delegate.output),
    )
  })

  it('must end the plan in the last round', () => {
    const lastRound = (events: readonly AnyEventObject[]) => inputOf(reached(events), 'decision')
    expect(lastRound([...idle, ...turn])).toEqual({ ...ATTEMPT, ref: REF, turn: 2, lastRound: false })
    const third = [...idle, ...turn, decision.delegate, ...turn]
    expect(lastRound(third)).toEqual({ ...ATTEMPT, ref: REF, turn: 3, lastRound: true })
  })

  it('are asked for once more where they are refused, with the reasons', () => {
    const again = reached([...reporting, decision.refused, news.changed])
    expect(inputOf(again, 'prompt')).toEqual({
      ...ATTEMPT,
      ref: REF,
      turn: 2,
      message: { kind: 'refusal', problems: ['there is no such task'] },
    })
  })

  it('leave it to a person when three in a row were refused, and another turn may then be refused twice again', () => {
    const thrice = [decision.refused, ...turn, decision.refused, ...turn, decision.refused]
    expect(named([...reporting, ...thrice])).toBe('escalated.undecided')
    const answered = [...reporting, ...thrice, commands.answer, ...turn]
    expect(reached(answered).context).toMatchObject({ rounds: 0, repairs: 0, turn: 4, reason: undefined })
    expect(named([...answered, ...thrice.slice(0, -1)])).toBe('reporting')
    expect(named([...reporting, decision.refused, ...turn, decision.delegate, ...turn, ...thrice.slice(0, -1)])).toBe(
      'reporting',
    )
  })

  it('tell what has settled since the decision before the last turn', () => {
    const message = (upTo: number) => done('news', { upTo, changed: true, final: false })
    const second = [...idle, message(20), prompt.done, watch.complete, decision.refused, message(30), prompt.done]
    const third = reached([...second, watch.complete, decision.delegate, message(40)])
    expect(inputOf(third, 'prompt')).toMatchObject({
      turn: 4,
      message: { kind: 'news', toldUpTo: 20, upTo: 40, final: true },
    })
  })
})

describe('what a manager that plans asks', () => {
  const { reporting } = planningPaths

  it('is put before a person, and the answer told in a turn of its own', () => {
    const [, alert] = asked(reporting, decision.ask)
    expect(alert).toEqual(['raiseAlert', { code: 'asks', message: 'The manager asks: Which database?' }])
    const told = reached([...planningPaths['running.asking'], commands.answer, news.changed])
    expect(inputOf(told, 'prompt')).toEqual({
      ...ATTEMPT,
      ref: REF,
      turn: 2,
      message: { kind: 'answer', text: 'PostgreSQL' },
    })
  })

  it('waits for the run to let a turn leave', () => {
    const due = reached([...planningPaths['running.asking'], commands.answer])
    expect([leafName(due.value), inputOf(due, 'news')]).toEqual([
      'running.idle',
      { ...ATTEMPT, toldUpTo: 0, due: true },
    ])
  })

  it('lets it decide as often again as it might at first', () => {
    expect(reached([...planningPaths['running.asking'], commands.answer]).context['rounds']).toBe(0)
  })

  it('is answered by itself with `--yes`, and still counts', () => {
    const told = reached([...reporting, decision.ask, news.changed], { yes: true })
    expect(told.context).toMatchObject({ rounds: 1, turn: 2, message: { kind: 'answer', text: YES } })
  })

  it('is told to the agent run that follows, cut, the last eight of them', () => {
    const question = done('decision', { kind: 'ask', question: 'Q'.repeat(5_000) })
    const answered = [
      question,
      { type: 'task.answer', text: 'A'.repeat(8_000) },
      ...[news.changed, prompt.done, watch.complete],
    ]
    const { context } = reached([...reporting, ...Array.from({ length: 10 }, () => answered).flat()])
    expect(context['answers']).toEqual(
      Array.from({ length: 8 }, () => ({ asked: 'Q'.repeat(300), said: 'A'.repeat(700) })),
    )
  })
})

describe('a manager that plans in trouble', () => {
  it.each([
    ['running.prompting', timers.promptDeadline],
    ['reporting', timers.reportDeadline],
  ] as const)('is put before a person when its turn cannot be told or read: %s', (state, event) => {
    const message = 'The manager’s turn could not be told or read in time'
    expect(asked(planningPaths[state], event)).toEqual([
      ['raiseAlert', { code: 'escalated', message }],
      ['releaseSlots', ATTEMPT],
    ])
  })

  it('is watched on when it decides for too long, and holds its place', () => {
    const message = 'The manager has not decided in time; it may still be at work'
    expect(asked(planningPaths['running.deciding'], timers.turnDeadline)).toEqual([
      ['raiseAlert', { code: 'escalated', message }],
    ])
    expect(inputOf(reached(planningPaths['escalated.overdue']), 'watch')).toEqual({
      ...ATTEMPT,
      ref: REF,
      turn: 1,
      expect: 'end',
      // Where its agent run seems to be gone, it is looked for from here on.
      intentAt: Date.UTC(2026, 0, 1),
    })
  })

  it('is put before a person when nobody knows whether it was created, who may have it looked for beside another', () => {
    const lost = [slots.done, create.uncertain, reconcile.unknown]
    const givenUp = ['giveUpAgentRun', { ...ATTEMPT, intentAt: Date.UTC(2026, 0, 1) }]
    expect([named(lost), asked(lost, commands.retry)[0]]).toEqual(['escalated.doubtful', givenUp])
    expect(reached([...lost, commands.retry]).context).toMatchObject({ attempt: 2, tries: 1 })
  })

  it('is put before a person after its last attempt', () => {
    const second = [...planningPaths.retrying, timers.retryDelay, slots.done, create.done, watch.gone]
    expect(named([...second, diagnose.retryable])).toBe('escalated.waiting')
  })

  it('has its attempts counted anew by each decision', () => {
    const second = [...planningPaths.retrying, timers.retryDelay, slots.done, create.done, watch.complete]
    const later = [...second, decision.delegate, news.changed, prompt.error, diagnose.retryable]
    expect([reached(later).context['attempt'], named(later)]).toEqual([2, 'retrying'])
  })

  it('tells a new agent run everything, keeps count of the rounds, and sends nothing that was meant for the one before', () => {
    const asking = [...planningPaths['running.asking'], commands.answer, news.changed, prompt.error]
    const { context } = reached([
      ...planningPaths['running.idle'],
      news.changed,
      prompt.error,
      diagnose.retryable,
      timers.retryDelay,
    ])
    expect(context).toMatchObject({ attempt: 2, turn: 1, toldUpTo: 0, upTo: 0, rounds: 1, ref: undefined })
    const after = reached([...asking, diagnose.retryable, timers.retryDelay]).context
    expect([after['message'], after['answers']]).toEqual([
      undefined,
      [{ asked: 'Which database?', said: 'PostgreSQL' }],
    ])
  })

  it.each(['running.asking', 'escalated.undecided', 'retrying'] as const)(
    'gives nothing up that has ended or was given up before: %s',
    (state) => {
      const given = [commands.complete, commands.fail, commands.retry].flatMap((event) =>
        reached(planningPaths[state]).can(event) ? asked(planningPaths[state], event) : [],
      )
      expect(given.filter(([name]) => name === 'giveUpAgentRun')).toEqual([])
    },
  )

  it.each(['complete', 'fail', 'retry'] as const)('gives up what may still be at work: %s', (name) => {
    expect(asked(planningPaths['escalated.overdue'], commands[name])[0]).toEqual([
      'giveUpAgentRun',
      { ...ATTEMPT, ref: REF, intentAt: undefined },
    ])
  })

  it('waits as long as a person says, and for the turns that follow as long as ever', () => {
    const waited = [...planningPaths['escalated.overdue'], { type: 'task.wait', ms: 3_600_000 }]
    expect(reached(waited).context['waitMs']).toBe(3_600_000)
    const next = reached([...waited, watch.complete, decision.delegate, news.changed])
    expect(next.context['waitMs']).toBeUndefined()
  })

  it('tells the agent run that follows what a person says about it', () => {
    const { context } = reached([...planningPaths['escalated.waiting'], { type: 'task.retry', prompt: 'Be brief.' }])
    expect(context['answers']).toEqual([
      { asked: ': agent-failed. It is not tried again by itself.', said: 'Be brief.' },
    ])
  })

  it('adopts the agent run that reconciling found', () => {
    expect(reached([slots.done, create.uncertain, reconcile.found]).context['ref']).toEqual(FOUND)
  })

  it('counts its attempts on where the run had ended with one before', () => {
    expect(walk(planningMachine, planningInput({}, { firstAttempt: 4 }), []).context['attempt']).toBe(4)
  })

  it('is put before a person where its records could not be read back, and a retry is another attempt', () => {
    const input = planningInput({}, { quarantined: { reason: 'unreadable', attempt: 2 } })
    const broken = walk(planningMachine, input, [])
    expect([leafName(broken.value), broken.context['reason'], broken.context['attempt']]).toEqual([
      'escalated.waiting',
      'unreadable',
      2,
    ])
    const retried = walk(planningMachine, input, [commands.retry])
    expect([leafName(retried.value), retried.context['attempt']]).toEqual(['pending', 3])
  })
})
