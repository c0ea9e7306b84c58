import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { done, FOUND, REF } from './effect-events.ts'
import { type ManagerState, managerEvents, managerInput, managerPaths } from './manager-events.ts'
import { managerRunTable } from './manager-run-table.ts'
import { managerTurnTable } from './manager-turn-table.ts'
import { actionsOf, inputOf, leafName, leafNames, walk } from './pure-steps.ts'
import { readRows, type StateEventTable, typesOf } from './state-event-table.ts'

const table: StateEventTable<ManagerState, typeof managerEvents> = { ...managerTurnTable, ...managerRunTable }
const { commands, slots, create, blocked, putBack, reconcile, watch, report, news, prompt, diagnose, settle, timers } =
  managerEvents

const reached = (events: readonly AnyEventObject[]) => walk(managerMachine, managerInput(), events)
const snapshots = Object.fromEntries(Object.entries(managerPaths).map(([state, events]) => [state, reached(events)]))
const turnOf = (events: readonly AnyEventObject[]) => {
  const { turn, toldUpTo, upTo, final } = reached(events).context
  return { turn, toldUpTo, upTo, final }
}

describe('the table of the manager', () => {
  it('has a row for each state in which the manager rests, and a column for each event', () => {
    expect(new Set(leafNames(managerMachine))).toEqual(new Set(Object.keys(managerPaths)))
    expect(typesOf(managerEvents)).toEqual(new Set(managerMachine.events))
  })

  it.each(Object.entries(managerPaths))('names the state that each way leads to: %s', (state, events) => {
    expect(leafName(reached(events).value)).toBe(state)
  })

  it.each(Object.entries(managerEvents))('is what the machine does: %s', (family, events) => {
    expect(readRows(managerMachine, events, snapshots)).toEqual(table[family as keyof typeof table])
  })
})

describe('turns', () => {
  const { 'running.idle': idle, 'running.deciding': deciding } = managerPaths
  const secondOver = [...deciding, watch.complete, report.done]

  it('stores the turn and how far it tells before it is sent', () => {
    expect(turnOf(idle)).toEqual({ turn: 1, toldUpTo: 0, upTo: 0, final: false })
    expect(turnOf([...idle, news.changed])).toEqual({ turn: 2, toldUpTo: 0, upTo: 20, final: false })
  })

  it('counts as told only what a turn that ended has told', () => {
    expect(turnOf(deciding)).toEqual({ turn: 2, toldUpTo: 0, upTo: 20, final: false })
    expect(turnOf(secondOver)).toEqual({ turn: 2, toldUpTo: 20, upTo: 20, final: false })
  })

  it('tells a new agent run everything: it knows nothing of what the one before was told', () => {
    const thirdFails = [...secondOver, done('news', { upTo: 30, changed: true, final: false }), prompt.error]
    const again = [...thirdFails, diagnose.retryable, timers.retryDelay, slots.done, create.done]
    expect(turnOf(again)).toEqual({ turn: 1, toldUpTo: 0, upTo: 0, final: false })
    expect(turnOf([...again, watch.complete, report.done])).toEqual({ turn: 1, toldUpTo: 0, upTo: 0, final: false })
  })

  it('ends with the report of the last turn', () => {
    const last = reached([...idle, news.last, prompt.done, watch.complete, report.done])
    expect(leafName(last.value)).toBe('completed')
  })

  it('ends without another turn when nothing is left to tell', () => {
    expect(leafName(reached([...idle, news.nothing]).value)).toBe('completed')
  })
})

describe('a manager in trouble', () => {
  const attempt = { task: 'manager', attempt: 1 }
  const asked = (events: readonly AnyEventObject[], event: AnyEventObject) =>
    actionsOf(managerMachine, reached(events), event)

  it.each([
    ['running.prompting', timers.promptDeadline],
    ['running.deciding', timers.turnDeadline],
    ['reporting', timers.reportDeadline],
  ] as const)('is given up and said to be silent when its turn takes too long: %s', (state, event) => {
    const message = 'The manager did not answer in time; the run goes on without it'
    expect(asked(managerPaths[state], event)).toEqual([
      ['giveUpAgentRun', { ...attempt, ref: REF }],
      ['releaseSlots', attempt],
      ['raiseAlert', { code: 'manager-failed', message }],
    ])
    expect(reached([...managerPaths[state], event]).context['reason']).toBe(message)
  })

  it('says so when it fails for good', () => {
    const [, alert] = asked(managerPaths.recovering, diagnose.hopeless)
    const message = 'The run goes on without its manager. : agent-failed. It is not tried again by itself.'
    expect(alert).toEqual(['raiseAlert', { code: 'manager-failed', message }])
  })

  it('fails after its last attempt', () => {
    const second = [...managerPaths.retrying, timers.retryDelay, slots.done, create.done, watch.gone]
    expect(leafName(reached([...second, diagnose.retryable]).value)).toBe('failed')
  })

  it.each(['recovering', 'retrying'] as const)('is not created again for a run that is over: %s', (state) => {
    const over = reached([...managerPaths[state], commands.finish])
    expect([leafName(over.value), over.context['reason']]).toEqual([
      'failed',
      'The manager had failed when the run ended',
    ])
  })

  it('remembers that the run is over wherever it is, and creates no further agent run', () => {
    const over = (...rest: readonly AnyEventObject[]) => leafName(reached([slots.done, commands.finish, ...rest]).value)
    expect(over(create.refused)).toBe('failed')
    expect(over(putBack.limit)).toBe('failed')
    expect(over(create.uncertain, reconcile.absent)).toBe('completed')
    expect(over(create.uncertain, reconcile.found)).toBe('running.deciding')
    expect(over(create.done, watch.failed, diagnose.retryable)).toBe('failed')
  })

  it('gives its agent run up before another is created', () => {
    expect(asked(managerPaths.recovering, diagnose.retryable)).toEqual([
      ['giveUpAgentRun', { ...attempt, ref: REF, intentAt: undefined }],
    ])
  })

  it.each(Object.values(blocked))('stops the creations of its account and waits: $error.kind', (event) => {
    const [release, block] = asked(managerPaths['creating.calling'], event)
    expect([release, block]).toEqual([
      ['releaseSlots', attempt],
      ['blockAccount', { ...attempt, failure: event.error }],
    ])
  })

  it('loses no attempt when its create was put back', () => {
    const { attempt, tries, setbacks } = reached([slots.done, putBack.limit]).context
    expect({ attempt, tries, setbacks }).toEqual({ attempt: 1, tries: 1, setbacks: 1 })
  })

  it('is created again further and further apart until a turn ends well', () => {
    const putBackTwice = [slots.done, putBack.limit, slots.done, putBack.timeout]
    const again = [...putBackTwice, slots.done, create.done, watch.failed, diagnose.retryable, timers.retryDelay]
    const attempt2 = { task: 'manager', attempt: 2, notBefore: Date.UTC(2026, 0, 1, 0, 1) }
    expect(inputOf(reached(again), 'slots')).toEqual({ ...attempt2, refusals: 0 })
    expect(inputOf(reached([...again, slots.done, putBack.timeout]), 'slots')).toEqual({ ...attempt2, refusals: 4 })
    const well = reached([...again, slots.done, create.done, watch.complete, report.done])
    expect([well.context['setbacks'], well.context['failure']]).toEqual([0, undefined])
  })

  it('tells the next one why the one before failed', () => {
    const second = reached([...managerPaths.retrying, timers.retryDelay, slots.done])
    expect(inputOf(second, 'create')).toEqual({
      task: 'manager',
      attempt: 2,
      intentAt: Date.UTC(2026, 0, 1),
      failure: diagnose.retryable.output,
    })
  })

  it('adopts the agent run that reconciling found', () => {
    expect(reached([slots.done, create.uncertain, reconcile.found]).context['ref']).toEqual(FOUND)
  })

  it.each(['creating.calling', 'creating.reconciling'] as const)(
    'settles a create in doubt before a cancel: %s',
    (state) => {
      const settling = reached([...managerPaths[state], commands.cancel])
      expect(inputOf(settling, 'settle')).toEqual({ ...attempt, intentAt: Date.UTC(2026, 0, 1) })
    },
  )

  it.each(['unknown', 'error'] as const)(
    'is given up, to be looked for, when nobody knows whether it was created: %s',
    (outcome) => {
      const [givenUp] = asked(managerPaths['creating.reconciling'], reconcile[outcome])
      expect(givenUp).toEqual(['giveUpAgentRun', { ...attempt, intentAt: Date.UTC(2026, 0, 1) }])
    },
  )

  it('is given up in doubt also when the run is over', () => {
    const over = [...managerPaths['creating.reconciling'], commands.finish]
    expect(leafName(reached([...over, reconcile.unknown]).value)).toBe('failed')
    expect(asked(over, reconcile.unknown)[0]?.[0]).toBe('giveUpAgentRun')
  })

  it('gives what a cancel could not stop up', () => {
    expect(asked(managerPaths.cancelling, settle.stillRunning)).toEqual([
      ['giveUpAgentRun', { ...attempt, ref: REF }],
      ['releaseSlots', attempt],
    ])
  })

  it('has nobody watch what a cancel has stopped', () => {
    expect(asked(managerPaths.cancelling, settle.stopped)).toEqual([['releaseSlots', attempt]])
  })
})
