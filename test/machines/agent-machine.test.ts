import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import type { AgentPolicy } from '../../src/machines/agent-context.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { agentCheckTable } from './agent-check-table.ts'
import { agentCommandTable } from './agent-command-table.ts'
import { agentCreateTable } from './agent-create-table.ts'
import { agentEndTable } from './agent-end-table.ts'
import { type AgentState, agentEvents, agentInput, agentPaths } from './agent-events.ts'
import { agentTurnTable } from './agent-turn-table.ts'
import { done, FOUND, failed, REF } from './effect-events.ts'
import { actionsOf, inputOf, leafName, leafNames, step, walk } from './pure-steps.ts'
import { readRows, type StateEventTable, typesOf } from './state-event-table.ts'

const table: StateEventTable<AgentState, typeof agentEvents> = {
  ...agentCheckTable,
  ...agentCommandTable,
  ...agentCreateTable,
  ...agentEndTable,
  ...agentTurnTable,
}
const { commands, slots, create, putBack, blocked, reconcile, watch, report, diagnose, settle, timers } = agentEvents

const at = (state: AgentState) => walk(agentMachine, agentInput(agentPaths[state].policy), agentPaths[state].events)
const snapshots = Object.fromEntries(Object.keys(agentPaths).map((state) => [state, at(state as AgentState)]))
const contextAfter = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  walk(agentMachine, agentInput(policy), events).context

describe('the table of an agent', () => {
  it('has a row for each state in which an agent rests, and a column for each event', () => {
    expect(new Set(leafNames(agentMachine))).toEqual(new Set(['admitting', ...Object.keys(agentPaths)]))
    expect(typesOf(agentEvents)).toEqual(new Set(agentMachine.events))
  })

  it.each(Object.keys(agentPaths))('names the state that each way leads to: %s', (state) => {
    expect(leafName(at(state as AgentState).value)).toBe(state)
  })

  it.each(Object.entries(agentEvents))('is what the machine does: %s', (family, events) => {
    expect(readRows(agentMachine, events, snapshots)).toEqual(table[family as keyof typeof table])
  })
})

describe('what the policy decides', () => {
  const running = agentPaths['running.watching'].events
  const recovering = agentPaths.recovering.events
  const end = (policy: Partial<AgentPolicy>, events: readonly AnyEventObject[]) =>
    leafName(walk(agentMachine, agentInput(policy), events).value)

  it('stops a run that is past its deadline where the backend can', () => {
    expect(end({ canCancel: true, onTimeout: true }, [...running, timers.deadline])).toBe('running.stopping')
  })

  it('starts a second agent beside one that cannot be stopped only when told to, and while attempts are left', () => {
    expect(end({ onTimeout: true }, [...running, timers.deadline])).toBe('retrying')
    expect(end({ onTimeout: true, attempts: 1 }, [...running, timers.deadline])).toBe('escalated.overdue')
    expect(end({ onTimeout: false }, [...running, timers.deadline])).toBe('escalated.overdue')
  })

  it.each([
    ['escalate', 'escalated.waiting'],
    ['fail', 'failed'],
    ['continue', 'failed'],
    ['skip', 'skipped'],
  ] as const)('ends a hopeless failure under onFailure %s in %s', (onFailure, state) => {
    expect(end({ onFailure }, [...recovering, diagnose.hopeless])).toBe(state)
    expect(end({ onFailure, attempts: 1 }, [...recovering, diagnose.retryable])).toBe(state)
  })
})

describe('how an agent begins', () => {
  const begin = (rest: Parameters<typeof agentInput>[1]) => walk(agentMachine, agentInput({}, rest), [])

  it('waits for its slots', () => {
    const snapshot = begin({})
    expect(leafName(snapshot.value)).toBe('pending.waiting')
    expect(Object.keys(snapshot.children)).toEqual(['slots'])
  })

  it.each([
    [{ skip: 'review was skipped' }, 'skipped', 'review was skipped', 1],
    [{ fail: 'its list is no list' }, 'escalated.waiting', 'its list is no list', 1],
    [{ quarantined: { reason: 'a bad record', attempt: 3 } }, 'escalated.waiting', 'a bad record', 3],
  ] as const)('ends or escalates at once: %o', (rest, state, reason, attempt) => {
    const snapshot = begin(rest)
    expect(leafName(snapshot.value)).toBe(state)
    expect([snapshot.context['reason'], snapshot.context['attempt']]).toEqual([reason, attempt])
  })
})

describe('a task that cannot run at all', () => {
  it.each([
    ['escalate', 'escalated.waiting'],
    ['fail', 'failed'],
    ['continue', 'failed'],
    ['skip', 'skipped'],
  ] as const)('does what its onFailure says: %s', (onFailure, state) => {
    const snapshot = walk(agentMachine, agentInput({ onFailure }, { fail: 'its list is no list' }), [])
    expect([leafName(snapshot.value), snapshot.context['reason']]).toEqual([state, 'its list is no list'])
  })
})

describe('attempts', () => {
  const twice = [...agentPaths.retrying.events, timers.retryDelay]

  it('counts on after a failure and forgets all that belonged to the attempt before', () => {
    const { policy, failure, ...context } = contextAfter(twice)
    expect({ policy, failure, context }).toEqual({
      policy: agentInput().policy,
      failure: diagnose.retryable.output,
      context: {
        run: 'run_1',
        task: 'a',
        admit: 'run',
        attempt: 2,
        tries: 2,
        setbacks: 1,
        putBack: undefined,
        turn: 1,
        deadlineMs: 3_600_000,
        ref: undefined,
        intentAt: undefined,
        reason: undefined,
        doubt: undefined,
      },
    })
  })

  it('counts on, with new tries and the new prompt, when a person retries', () => {
    const { attempt, tries, prompt } = contextAfter([...twice, slots.done, create.done, commands.retry])
    expect({ attempt, tries, prompt }).toEqual({ attempt: 3, tries: 1, prompt: 'Try it another way' })
  })

  it.each(Object.entries(putBack))('loses none when the create was put back: %s', (_, event) => {
    const { attempt, tries, setbacks } = contextAfter([slots.done, event, slots.done, event])
    expect({ attempt, tries, setbacks }).toEqual({ attempt: 1, tries: 1, setbacks: 2 })
  })

  it('are spaced by all that went wrong since a person last decided, put-back creates included', () => {
    const begin = (...events: readonly AnyEventObject[]) => inputOf(walk(agentMachine, agentInput(), events), 'slots')
    const first = { task: 'a', attempt: 1 }
    const second = { task: 'a', attempt: 2 }
    const until = { notBefore: Date.UTC(2026, 0, 1, 0, 1) }
    const twicePutBack = [slots.done, putBack.limit, slots.done, putBack.unreachable]
    const failedThen = [...twicePutBack, slots.done, create.done, watch.failed, diagnose.retryable, timers.retryDelay]
    expect(begin()).toEqual({ ...first, refusals: 0 })
    expect(begin(...twicePutBack)).toEqual({ ...first, ...until, refusals: 2 })
    // The wait between attempts is over; what the provider asked for still holds.
    expect(begin(...failedThen)).toEqual({ ...second, ...until, refusals: 0 })
    expect(begin(...failedThen, slots.done, putBack.timeout)).toEqual({ ...second, ...until, refusals: 4 })
    expect(begin(...failedThen, slots.done, create.done, commands.retry)).toEqual({
      ...second,
      attempt: 3,
      refusals: 0,
    })
  })

  it('wait longer the more went wrong, up to the longest delay, with a jitter that the seed decides', () => {
    const { retryDelay } = agentMachine.implementations.delays as unknown as {
      retryDelay: (args: { context: object }) => number
    }
    const delay = (setbacks: number | undefined, policy: Partial<AgentPolicy> = {}) =>
      retryDelay({ context: { ...contextAfter([]), ...agentInput(policy), attempt: 1, setbacks } })
    const full = delay(1)
    const times = [1, 2, 3, 10].map((setbacks) => Math.round((10 * delay(setbacks)) / full) / 10)
    expect(times).toEqual([1, 2, 4, 30])
    expect(delay(1, { seed: 2 })).not.toBe(full)
    expect(delay(1)).toBe(full)
    // Records of 0.1.0 hold no count.
    expect(delay(undefined)).toBe(full)
  })

  it('begin anew once a person gave the agent more time', () => {
    const late = [...agentPaths['escalated.overdue'].events]
    const spaced = [slots.done, putBack.limit, ...late]
    expect(contextAfter(spaced)['setbacks']).toBe(1)
    expect(contextAfter([...spaced, commands.wait])['setbacks']).toBe(0)
    expect(contextAfter([...spaced, commands.adopt])['setbacks']).toBe(0)
  })

  it('keeps the first intent of an attempt: a search must go back to it', () => {
    const later = done('slots', { at: Date.UTC(2027, 0, 1) })
    const { intentAt } = contextAfter([slots.done, create.uncertain, reconcile.absent, later])
    expect(intentAt).toBe(Date.UTC(2026, 0, 1))
  })

  it('adopts the agent run that reconciling found', () => {
    expect(contextAfter([slots.done, create.uncertain, reconcile.found])['ref']).toEqual(FOUND)
  })
})

describe('what a transition asks of the host', () => {
  const attempt = { task: 'a', attempt: 1 }
  const release = ['releaseSlots', attempt]
  const giveUp = ['giveUpAgentRun', { ...attempt, ref: REF }]
  const asked = (state: AgentState, event: AnyEventObject, policy?: Partial<AgentPolicy>) =>
    actionsOf(agentMachine, walk(agentMachine, agentInput(policy), agentPaths[state].events), event)

  it('releases the slots at every end', () => {
    for (const state of ['completed', 'failed', 'cancelled', 'skipped'] as const) {
      const { policy, events } = agentPaths[state]
      const before = walk(agentMachine, agentInput(policy), events.slice(0, -1))
      expect(actionsOf(agentMachine, before, events.at(-1) ?? commands.cancel)).toContainEqual(release)
    }
  })

  it('releases the slots on every way back to pending', () => {
    expect(asked('creating.calling', putBack.limit)).toEqual([release])
    expect(asked('creating.reconciling', reconcile.absent)).toEqual([release])
    expect(asked('running.watching', watch.failed)).toEqual([release])
    expect(asked('running.watching', commands.retry)).toEqual([giveUp, release])
  })

  const decisions = ['retry', 'complete', 'skip', 'fail'] as const

  it.each(decisions)('gives the agent run up that may go on when a person decides to %s', (name) => {
    for (const state of [
      'running.watching',
      'running.needsInput',
      'running.answering',
      'running.steering',
      'running.stopping',
      'reporting.repairing',
      'escalated.overdue',
    ] as const) {
      const { policy } = agentPaths[state]
      expect(asked(state, commands[name], policy)).toEqual([giveUp, release])
    }
  })

  it.each(decisions)('has nothing to give up when the agent run has ended and a person decides to %s', (name) => {
    for (const state of ['reporting.reading', 'retrying', 'escalated.waiting'] as const) {
      for (const [action] of asked(state, commands[name])) expect(action).toBe('releaseSlots')
    }
  })

  it.each(decisions)('has a create in doubt looked for when a person decides to %s', (name) => {
    const search = { ...attempt, ref: undefined, intentAt: Date.UTC(2026, 0, 1) }
    expect(asked('escalated.doubtful', commands[name])).toEqual([['giveUpAgentRun', search], release])
  })

  it('needs no slots while a person is asked about a doubt, and takes them again to look once more', () => {
    const [alert, ...rest] = asked('creating.reconciling', reconcile.unknown)
    expect([alert?.[0], rest]).toEqual(['raiseAlert', [release]])
    expect(asked('escalated.doubtful', commands.wait)).toEqual([['holdSlots', attempt]])
    expect(asked('escalated.doubtful', commands.adopt)).toEqual([['holdSlots', attempt]])
  })

  it('gives the agent run up when a second one is started beside it', () => {
    expect(asked('running.watching', timers.deadline, { onTimeout: true })).toEqual([giveUp, release])
  })

  it('gives what a cancel could not stop up to whoever watches it to its end', () => {
    expect(asked('cancelling', settle.stillRunning)).toEqual([giveUp, release])
    expect(asked('cancelling', settle.error)).toEqual([giveUp, release])
  })

  it('has nobody watch what a cancel has stopped', () => {
    expect(asked('cancelling', settle.stopped)).toEqual([release])
  })

  it.each(Object.entries(blocked))('stops the creations of the account: %s', (kind, event) => {
    expect(asked('creating.calling', event)).toEqual([
      release,
      ['blockAccount', { ...attempt, failure: failed('create', kind as 'quota', { retryable: false }).error }],
    ])
  })

  it('raises an alert whenever a person must decide', () => {
    expect(asked('recovering', diagnose.hopeless)).toEqual([
      ['raiseAlert', { code: 'escalated', message: ': agent-failed. It is not tried again by itself.' }],
      release,
    ])
    expect(asked('running.watching', timers.deadline)).toEqual([
      ['raiseAlert', { code: 'escalated', message: `Past its deadline, still running at ${REF.url}` }],
    ])
  })

  it('tells people what a paused agent asks, and where it can be told', () => {
    const asks = done('watch', { kind: 'paused', rawStatus: 'PAUSED', asks: 'Which one?' })
    const message = (what: string) => ({ code: 'needs-input', message: `a ${what} (answer at ${REF.url})` })
    expect(asked('running.watching', asks)).toEqual([['raiseAlert', message('asks: Which one?')]])
    expect(asked('running.watching', watch.paused)).toEqual([['raiseAlert', message('is paused and waits for input')]])
    expect(asked('running.needsInput', watch.active)).toEqual([])
  })

  it('asks nothing when an answer is read', () => {
    expect(asked('reporting.reading', report.done)).toEqual([release])
    expect(asked('pending.waiting', slots.done)).toEqual([])
  })
})

describe('why a task got no further', () => {
  const why = 'It had no time.'
  const broke = { kind: 'agent-failed', message: 'It broke', why, certain: true } as const
  const reason = (retryable: boolean, policy: Partial<AgentPolicy> = {}) =>
    contextAfter([...agentPaths.recovering.events, done('diagnose', { ...broke, retryable })], policy)['reason']

  it('says that no attempt is left, or that none would help', () => {
    expect(reason(true, { attempts: 1 })).toBe('It broke. It had no time. No attempt is left (1 of 1).')
    expect(reason(false)).toBe('It broke. It had no time. It is not tried again by itself.')
  })

  it.each(['escalate', 'fail', 'skip'] as const)('is said whatever becomes of it: %s', (onFailure) => {
    expect(reason(false, { onFailure })).toBe('It broke. It had no time. It is not tried again by itself.')
  })
})

describe('a create in doubt', () => {
  const input = (state: AgentState) => inputOf(step(agentMachine, at(state), commands.cancel), 'settle')
  const doubtful = { task: 'a', attempt: 1, intentAt: Date.UTC(2026, 0, 1) }

  it.each(['creating.calling', 'creating.reconciling', 'escalated.doubtful'] as const)(
    'is settled before a cancel in %s is done',
    (state) => expect(input(state)).toEqual(doubtful),
  )

  it('is over once the create was put back, found or never made', () => {
    expect(input('pending.waiting')).toEqual({ task: 'a', attempt: 1 })
    expect(input('running.watching')).toEqual({ task: 'a', attempt: 1, ref: REF })
  })
})
