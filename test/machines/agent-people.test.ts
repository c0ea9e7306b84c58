import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import type { AgentPolicy } from '../../src/machines/agent-context.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import type { Steer } from '../../src/machines/agent-steers.ts'
import { agentEvents, agentInput, agentPaths } from './agent-events.ts'
import { done, REF } from './effect-events.ts'
import { actionsOf, inputOf, leafName, walk } from './pure-steps.ts'

const { commands, slots, create, putBack, blocked, reconcile, watch, report, diagnose, prompt, timers } = agentEvents
const { steer, pause, answer } = commands
const running = agentPaths['running.watching'].events
const reached = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  walk(agentMachine, agentInput(policy), events)
const end = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  leafName(reached(events, policy).value)
const steersAfter = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  (reached(events, policy).context['steers'] as readonly Steer[]).map(({ state }) => state)
const message = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  inputOf(reached(events, policy), 'prompt')

describe('a paused task', () => {
  const creating = [slots.done, pause]
  const doubtful = [slots.done, create.uncertain, pause]
  const retrying = [...agentPaths.retrying.events, pause]

  it.each([
    ['a create that was put back', [...creating, putBack.limit]],
    ['a create that closed the account', [...creating, blocked.quota]],
    ['a create that was never made', [...doubtful, reconcile.absent]],
    ['the wait between attempts', [...retrying, timers.retryDelay]],
    ['a retry by a person', [...retrying, commands.retry]],
    ['an approval', [pause, commands.approve], { approval: 'ask' }],
  ] as const)('takes no place after %s', (_, events, policy?: Partial<AgentPolicy>) => {
    const snapshot = reached(events, policy)
    expect([leafName(snapshot.value), Object.keys(snapshot.children)]).toEqual(['pending.paused', []])
    expect(end([...events, commands.continue], policy)).toBe('pending.waiting')
  })

  it('gives what it holds back when it is paused in the queue', () => {
    expect(actionsOf(agentMachine, reached([]), pause)).toEqual([['releaseSlots', { task: 'a', attempt: 1 }]])
  })

  it('goes on with what is under way, but begins no turn of its own', () => {
    const told = [...running, steer, pause]
    expect(end([...told, watch.complete])).toBe('reporting.reading')
    expect(end([...told, watch.paused])).toBe('running.needsInput')
    expect(end([...told, watch.complete, report.done])).toBe('completed')
    expect(steersAfter([...told, watch.complete, report.done])).toEqual(['queued'])
  })

  it('sends what waits once it is to go on, if its agent is idle', () => {
    const told = [...running, pause, steer]
    expect(end([...told, commands.continue])).toBe('running.watching')
    expect(end([...told, watch.paused, commands.continue])).toBe('running.steering')
    expect(end([...told, watch.complete, commands.continue])).toBe('running.steering')
    expect(end([...told, commands.continue], { canSteer: true })).toBe('running.steering')
  })

  it('still has its report repaired: that is a part of the attempt', () => {
    expect(end([...running, pause, watch.complete, report.invalid])).toBe('reporting.repairing')
  })
})

describe('what a person says unasked', () => {
  const sent = [...running, steer, steer, watch.complete]

  it('goes out together, as the next turn', () => {
    expect(message(sent)).toEqual({
      task: 'a',
      attempt: 1,
      ref: REF,
      turn: 2,
      message: { kind: 'steer', text: 'Mind the tests\n\nMind the tests' },
    })
  })

  it.each([
    ['done', 'delivered', 2, undefined],
    ['unknown', 'maybe', 2, true],
    ['uncertain', 'maybe', 2, true],
    ['refused', 'refused', 1, undefined],
  ] as const)('is kept as how it ended: %s', (how, state, turn, doubtful) => {
    const snapshot = reached([...sent, prompt[how]])
    expect(steersAfter([...sent, prompt[how]])).toEqual([state, state])
    expect(inputOf(snapshot, 'watch')).toEqual({
      task: 'a',
      attempt: 1,
      ref: REF,
      turn,
      expect: 'active',
      intentAt: Date.UTC(2026, 0, 1),
      ...(doubtful ? { doubtful } : {}),
    })
  })

  it('is never sent again, whatever comes after', () => {
    for (const how of Object.values(prompt)) expect(end([...sent, how, watch.complete])).toBe('reporting.reading')
  })

  it('is in doubt when its state is left before its outcome is known', () => {
    expect(steersAfter([...sent, timers.deadline])).toEqual(['maybe', 'maybe'])
    expect(inputOf(reached([...sent, timers.deadline]), 'watch')).toMatchObject({ turn: 2, doubtful: true })
    expect(steersAfter([...sent, commands.complete])).toEqual(['maybe', 'maybe'])
  })

  it('goes to an agent at work in the turn under way where its backend can do that', () => {
    const policy = { canSteer: true }
    const inTurn = [...running, steer]
    expect(message(inTurn, policy)).toMatchObject({ turn: 1, message: { kind: 'steer', inTurn: true } })
    expect(inputOf(reached([...inTurn, prompt.unknown], policy), 'watch')).not.toHaveProperty('doubtful')
    expect(steersAfter([...inTurn, prompt.refused], policy)).toEqual(['refused'])
    expect(end([...inTurn, prompt.done, steer], policy)).toBe('running.steering')
  })

  it('is never told to an agent whose backend takes no further turn', () => {
    const policy = { canPrompt: false }
    expect(end([...running, steer, watch.complete, report.done], policy)).toBe('completed')
    expect(end([...running, watch.paused, steer], policy)).toBe('running.needsInput')
  })

  it('goes into the create that follows, and back into the queue when that did nothing', () => {
    const created = [steer, slots.done]
    expect(inputOf(reached(created), 'create')).toMatchObject({ additions: ['Mind the tests'] })
    expect(steersAfter([...created, create.done])).toEqual(['delivered'])
    expect(steersAfter([...created, create.uncertain, reconcile.found])).toEqual(['delivered'])
    for (const back of [[putBack.limit], [blocked.auth], [create.refused], [create.uncertain, reconcile.absent]]) {
      expect(steersAfter([...created, ...back])).toEqual(['queued'])
    }
    expect(steersAfter([...created, create.uncertain, reconcile.unknown])).toEqual(['maybe'])
  })

  it('is told to each new agent: that has heard nothing', () => {
    const again = [...sent, prompt.unknown, watch.failed, diagnose.retryable, timers.retryDelay]
    expect(steersAfter(again)).toEqual(['queued', 'queued'])
    const { turn, doubtfulTurn } = reached(again).context
    expect({ turn, doubtfulTurn }).toEqual({ turn: 1, doubtfulTurn: undefined })
  })

  it('is cut, and five are kept at most', () => {
    const long = { type: 'task.steer', text: 'x'.repeat(10_000) }
    const [kept] = reached([...running, long]).context['steers'] as readonly Steer[]
    expect(kept?.text.length).toBe(8_192)
    const five = Array.from({ length: 5 }, () => steer)
    expect(reached([...running, ...five]).can(steer)).toBe(false)
    const heard = [...running, steer, steer, watch.complete, prompt.done]
    expect(steersAfter([...heard, ...five])).toEqual(['queued', 'queued', 'queued', 'queued', 'queued'])
  })
})

describe('an answer', () => {
  const asks = done('watch', { kind: 'paused', rawStatus: 'PAUSED', asks: 'Which one?' })
  const answered = [...running, asks, answer]

  it('is the next turn', () => {
    expect(message(answered)).toMatchObject({ turn: 2, message: { kind: 'answer', text: 'The old one' } })
  })

  it('leaves nothing of the question once it has arrived', () => {
    const { answer: sent, asks: asked, doubtfulTurn, turn } = reached([...answered, prompt.done]).context
    expect({ sent, asked, doubtfulTurn, turn }).toEqual({
      sent: undefined,
      asked: undefined,
      doubtfulTurn: undefined,
      turn: 2,
    })
  })

  it('that certainly did not arrive leaves the question, with the reason', () => {
    const { asks: asked, reason, turn } = reached([...answered, prompt.refused]).context
    expect({ asked, reason, turn }).toEqual({
      asked: 'Which one?',
      reason: 'The answer could not be sent: prompt: refused',
      turn: 1,
    })
  })
})

describe('a report that does not fit', () => {
  const unfit = [...running, watch.complete, report.invalid]

  it('is asked for once an attempt, where its backend takes a further turn', () => {
    expect(message(unfit)).toMatchObject({
      turn: 2,
      message: { kind: 'repair', problems: ['report: invalid-report'] },
    })
    expect(end([...unfit, prompt.done, watch.complete, report.invalid])).toBe('recovering')
    expect(end(unfit, { canPrompt: false })).toBe('recovering')
    const again = [...unfit, prompt.refused, diagnose.retryable, timers.retryDelay, ...unfit]
    expect(end(again)).toBe('reporting.repairing')
  })

  it('is the failure of the attempt when it cannot be asked for', () => {
    expect(reached([...unfit, prompt.refused]).context['failure']).toEqual(report.invalid.error)
  })
})

describe('an approval', () => {
  it.each([
    ['escalate', 'failed'],
    ['fail', 'failed'],
    ['continue', 'failed'],
    ['skip', 'skipped'],
  ] as const)('that is refused ends the task: %s', (onFailure, state) => {
    const snapshot = reached([commands.reject], { approval: 'ask', onFailure })
    expect([leafName(snapshot.value), snapshot.context['reason']]).toEqual([state, 'rejected by ann: Too early'])
  })

  it('names nobody where it is not known who said it', () => {
    const { reason } = reached([{ type: 'task.reject' }], { approval: 'ask' }).context
    expect(reason).toBe('rejected by a person')
  })

  it('is not asked for where the run was started with --yes, and that is said', () => {
    const snapshot = reached([], { approval: 'given' })
    expect([leafName(snapshot.value), snapshot.context['reason']]).toEqual(['pending.waiting', 'approved by --yes'])
    expect(reached([slots.done], { approval: 'given' }).context['reason']).toBe(undefined)
  })

  it('is not asked for a task that is left out anyway', () => {
    expect(leafName(walk(agentMachine, agentInput({ approval: 'ask' }, { skip: 'not needed' }), []).value)).toBe(
      'skipped',
    )
  })
})
