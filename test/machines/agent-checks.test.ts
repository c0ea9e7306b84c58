import { describe, expect, it } from 'vitest'
import type { AnyEventObject } from 'xstate'
import type { AgentPolicy } from '../../src/machines/agent-context.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { agentEvents, agentInput, agentPaths } from './agent-events.ts'
import { failed, REF } from './effect-events.ts'
import { actionsOf, inputOf, leafName, step, walk } from './pure-steps.ts'
import { ScriptedActor } from './scripted-actors.ts'

const { account, check, commands, create, diagnose, prompt, report, slots, timers, watch } = agentEvents
const reached = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  walk(agentMachine, agentInput(policy), events)
const end = (events: readonly AnyEventObject[], policy?: Partial<AgentPolicy>) =>
  leafName(reached(events, policy).value)
const running = agentPaths['running.watching'].events
/** Its agent has ended its turn. */
const ended = [...running, watch.complete]
const again = [check.failed, prompt.done, watch.complete]
const CHECKED = { check: 2 }

describe('the check of an agent’s work', () => {
  it('comes before its report is read, and is told which round it is', () => {
    expect(end(ended)).toBe('reporting.reading')
    expect(end(ended, CHECKED)).toBe('reporting.checking')
    expect(inputOf(reached(ended, CHECKED), 'check')).toEqual({
      task: 'a',
      attempt: 1,
      ref: REF,
      turn: 1,
      round: 1,
      of: 3,
    })
    expect(inputOf(reached([...ended, ...again], CHECKED), 'check')).toMatchObject({ turn: 2, round: 2, of: 3 })
    expect(end([...ended, check.passed, report.done], CHECKED)).toBe('completed')
  })

  it('is left out where its report is no success: whoever reads it says why', () => {
    expect(end([...ended, check.unread, report.reported], CHECKED)).toBe('recovering')
    expect(end([...ended, check.unread, report.invalid, prompt.done, watch.complete], CHECKED)).toBe(
      'reporting.checking',
    )
  })

  it('sends what failed to the agent as its next turn, the end of the output cut', () => {
    const output = `first line\n${'x'.repeat(10_000)}\nlast line`
    const long = { ...check.failed, output: { ...(check.failed.output as object), output, trouble: 'took too long' } }
    const { turn, message } = inputOf(reached([...ended, long], CHECKED), 'prompt') as {
      turn: number
      message: { output: string }
    }
    expect(turn).toBe(2)
    expect(message).toEqual({
      kind: 'check',
      command: ['npm', 'test'],
      exitCode: 1,
      trouble: 'took too long',
      output: output.slice(-8_192),
    })
  })

  it('lets the agent go on with the whole of its time, and keeps nothing of what failed', () => {
    const { context } = reached([...ended, check.failed, prompt.done], CHECKED)
    expect([context.failing, context.failure, context.doubtfulTurn, context.turn, context.mends]).toEqual([
      undefined,
      undefined,
      undefined,
      2,
      1,
    ])
    const snapshot = reached([...ended, check.failed, prompt.done], CHECKED)
    expect(leafName(step(agentMachine, snapshot, timers.deadline).value)).toBe('escalated.overdue')
  })

  it.each([
    ['unknown', 'running.watching', true],
    ['uncertain', 'running.watching', true],
    ['refused', 'recovering', true],
  ] as const)('goes on by evidence where nobody knows whether the agent heard of it: %s', (how, state, doubtful) => {
    const snapshot = reached([...ended, check.failed, prompt[how]], CHECKED)
    expect([leafName(snapshot.value), snapshot.context.doubtfulTurn, snapshot.context.failing]).toEqual([
      state,
      doubtful,
      undefined,
    ])
  })

  it('fails the attempt when no round is left, naming the command and how it ended', () => {
    const snapshot = reached([...ended, ...again, ...again, check.failed], CHECKED)
    expect(leafName(snapshot.value)).toBe('recovering')
    expect(snapshot.context.failure).toEqual({
      kind: 'check-failed',
      message:
        'The check failed: npm test (exit code 1), also after its agent was told so 2 times. It printed at its end:\n1 test failed',
      retryable: true,
      certain: true,
      why: 'The agent reported that it was done, but the check that troupe runs in its worktree fails.',
      advice: 'Run the commands of the check yourself before you report, and put right what they say.',
    })
  })

  it('fails the attempt at once where no round was given, or its backend takes no further turn', () => {
    expect(end([...ended, check.failed], { check: 0 })).toBe('recovering')
    expect(end([...ended, check.failed], { check: 2, canPrompt: false })).toBe('recovering')
  })

  it('has all its rounds again in the next attempt', () => {
    const retried = [diagnose.retryable, timers.retryDelay, slots.done, create.done, watch.complete]
    const events = [...ended, ...again, ...again, check.failed, ...retried]
    expect(inputOf(reached(events, CHECKED), 'check')).toMatchObject({ attempt: 2, turn: 1, round: 1 })
  })

  it('fails the attempt with what keeps it from being run', () => {
    const { context } = reached([...ended, check.error], CHECKED)
    expect(context.failure).toMatchObject({ kind: 'refused', message: 'check: refused' })
  })

  it('gives way to what a person says, and comes again after that turn', () => {
    expect(end([...ended, commands.steer], CHECKED)).toBe('running.steering')
    expect(end([...ended, commands.steer, prompt.done, watch.complete], CHECKED)).toBe('reporting.checking')
  })

  it('is run again by a process that takes the run over, and owed no other way', async () => {
    const actor = { kind: 'agent', id: 'a', machine: agentMachine } as const
    const first = new ScriptedActor(actor)
    await first.start(agentInput(CHECKED))
    for (const event of ended) await first.apply(event)
    const { last } = first
    first.close()
    const second = new ScriptedActor({ ...actor, clock: first.clock })
    await second.restore(last.host)
    expect(second.calls.map(({ src, restarted }) => [src, restarted])).toEqual([['checkWork', true]])
    await second.apply(check.failed)
    expect(second.last.to).toBe('reporting.mending')
    second.close()
  })
})

describe('what a person says in a turn that has just ended', () => {
  const policy = { canSteer: true }
  const said = [...running, commands.steer]

  it('waits, and goes out as a turn of its own once the agent is seen to be idle', () => {
    const snapshot = reached([...said, prompt.noTurn], policy)
    expect([leafName(snapshot.value), snapshot.context.steers, snapshot.context.turn]).toEqual([
      'running.watching',
      [{ text: 'Mind the tests', state: 'queued' }],
      1,
    ])
    const told = step(agentMachine, snapshot, watch.complete)
    expect([leafName(told.value), inputOf(told, 'prompt')]).toEqual([
      'running.steering',
      { task: 'a', attempt: 1, ref: REF, turn: 2, message: { kind: 'steer', text: 'Mind the tests' } },
    ])
  })

  it('is refused, and said to be, where its backend takes no further turn', () => {
    const before = reached(said, { ...policy, canPrompt: false })
    const after = step(agentMachine, before, prompt.noTurn)
    expect([leafName(after.value), after.context.steers, after.context.turn]).toEqual([
      'running.watching',
      [{ text: 'Mind the tests', state: 'refused' }],
      1,
    ])
    expect(actionsOf(agentMachine, before, prompt.noTurn)).toEqual([
      [
        'raiseAlert',
        {
          code: 'steer-refused',
          message: 'a: what a person said could not be sent: its agent had ended its turn and takes no further one',
        },
      ],
    ])
  })
})

describe('work that cannot be merged', () => {
  const conflict = agentPaths['escalated.conflict'].events

  it('is put before a person', () => {
    const { value, context } = reached(conflict)
    expect([leafName(value), context.reason]).toEqual([
      'escalated.conflict',
      ': conflict. It is not tried again by itself.',
    ])
  })

  it.each([
    ['fail', 'failed'],
    ['continue', 'failed'],
    ['skip', 'skipped'],
  ] as const)('ends the task where no person is to be asked: %s', (onFailure, state) => {
    expect(end(conflict, { onFailure })).toBe(state)
  })

  it('goes to the agent of the next attempt when a person says so, and to those after it', () => {
    const events = [...conflict, { type: 'task.retry', resolve: true }, slots.done]
    expect(inputOf(reached(events), 'create')).toMatchObject({ attempt: 2, resolve: true })
    const later = [...events, create.done, watch.failed, diagnose.retryable, timers.retryDelay, slots.done]
    expect(inputOf(reached(later), 'create')).toMatchObject({ attempt: 3, resolve: true })
  })

  it('is merged once more where a person has put it right by hand', () => {
    const events = [...conflict, { type: 'task.retry' }, slots.done]
    expect(inputOf(reached(events), 'create')).not.toHaveProperty('resolve')
  })
})

describe('an agent run whose backend knows why it failed', () => {
  it('lets the next attempt wait for as long as the provider asks for', () => {
    const limit = (reached([...running, account.limit]).context.failure ?? {}) as object
    expect(limit).toEqual({
      kind: 'limit',
      message: 'It said limit',
      retryable: true,
      certain: true,
      notBefore: Date.UTC(2026, 0, 1, 5),
      why: 'The provider was asked too often.',
      advice: 'What stopped it was not the work itself: carry on as asked.',
    })
    const explained = { ...diagnose.retryable, output: limit }
    const events = [...running, account.limit, explained, timers.retryDelay]
    expect(inputOf(reached(events), 'slots')).toEqual({
      task: 'a',
      attempt: 2,
      refusals: 0,
      notBefore: Date.UTC(2026, 0, 1, 5),
    })
  })

  it('closes its account where the credentials or the plan broke it off', () => {
    const actions = actionsOf(agentMachine, reached(running), account.auth)
    expect(actions.filter(([name]) => name === 'blockAccount')).toEqual([
      ['blockAccount', { task: 'a', attempt: 1, failure: expect.objectContaining({ kind: 'auth' }) }],
    ])
    expect(actionsOf(agentMachine, reached(running), account.limit).map(([name]) => name)).not.toContain('blockAccount')
  })

  it.each(['escalate', 'fail', 'skip', 'continue'] as const)(
    'is made once more when a person lets the run go on, and loses neither task nor try: %s',
    (onFailure) => {
      const events = [...running, account.auth, account.brokenOff, timers.retryDelay]
      const { value, context } = reached(events, { onFailure, attempts: 1 })
      expect([leafName(value), context.attempt, context.tries, context.ref]).toEqual([
        'pending.waiting',
        2,
        1,
        undefined,
      ])
      const closed = actionsOf(agentMachine, reached([...running, account.auth]), account.brokenOff)
      expect(closed.map(([name]) => name)).toContain('blockAccount')
    },
  )

  it('waits paused where a person paused its task', () => {
    expect(end([...running, commands.pause, account.auth, account.brokenOff, timers.retryDelay])).toBe('pending.paused')
  })

  it('is looked into as ever where no agent run was made', () => {
    const events = [slots.done, failed('create', 'refused', { retryable: false }), account.brokenOff]
    expect(end(events)).toBe('escalated.waiting')
  })
})
