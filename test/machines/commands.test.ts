import { describe, expect, it } from 'vitest'
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { RunCommand, TaskCommand } from '../../src/domain/command.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { legalRunCommands, legalTaskCommands, takesLateResult } from '../../src/machines/commands.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { isFinalState, publicState } from '../../src/machines/public-state.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { agentEvents, agentInput, agentPaths } from './agent-events.ts'
import { managerInput, managerPaths } from './manager-events.ts'
import { step, walk } from './pure-steps.ts'
import { supervisorEvents, supervisorPaths } from './supervisor-events.ts'

/** Of `rerun` no agent is told: the run repeats what has settled. */
const taskCommands: Readonly<Record<Exclude<TaskCommand['type'], 'rerun'>, true>> = {
  retry: true,
  complete: true,
  skip: true,
  fail: true,
  wait: true,
  adopt: true,
  approve: true,
  reject: true,
  answer: true,
  steer: true,
  pause: true,
  continue: true,
  cancel: true,
}
const runCommands: Readonly<Record<RunCommand['type'], true>> = { pause: true, continue: true, cancel: true }

const { commands } = agentEvents
/** Each state as it is, paused by a person, and with as many texts waiting as can. */
const agents = Object.entries(agentPaths).flatMap(([state, { policy, events }]) => {
  const snapshot = walk(agentMachine, agentInput(policy), events)
  const paused = snapshot.can(commands.pause) ? [step(agentMachine, snapshot, commands.pause)] : []
  const full = paused.map((first) => {
    let last = first
    while (last.can(commands.steer)) last = step(agentMachine, last, commands.steer)
    return last
  })
  return [
    [state, snapshot] as const,
    ...paused.map((variant) => [`${state}, paused`, variant] as const),
    ...full.map((variant) => [`${state}, paused and full`, variant] as const),
  ]
})
const offered = ({ value, context }: AnyMachineSnapshot) => legalTaskCommands(publicState(value), context)
const managers = Object.entries(managerPaths).map(
  ([state, events]) => [state, walk(managerMachine, managerInput(), events)] as const,
)
const supervisors = Object.entries(supervisorPaths).map(
  ([state, events]) => [state, walk(supervisorMachine, { run: 'run_1' }, events)] as const,
)

describe('what a person is offered', () => {
  it.each(agents)('is what an agent takes: %s', (_, snapshot) => {
    const taken = Object.keys(taskCommands).filter((name) => snapshot.can(agentEvents.commands[name as 'retry']))
    expect(new Set(offered(snapshot))).toEqual(new Set(taken))
  })

  it.each(agents)('is a late result wherever the agent takes a completion: %s', (_, snapshot) => {
    expect(takesLateResult(publicState(snapshot.value))).toBe(snapshot.can(agentEvents.commands.complete))
  })

  it.each(supervisors)('is what a run takes: %s', (_, snapshot) => {
    const taken = Object.keys(runCommands).filter((name) => snapshot.can(supervisorEvents.commands[name as 'pause']))
    expect(new Set(legalRunCommands(publicState(snapshot.value)))).toEqual(new Set(taken))
  })

  it('is nothing in a state that does not exist', () => {
    expect([legalTaskCommands('waiting'), legalRunCommands('gone')]).toEqual([[], []])
  })
})

describe('every state that is not final has an exit (I11)', () => {
  const open = [...agents, ...managers].filter(([, { value }]) => !isFinalState(publicState(value)))

  it.each(open)('by a deadline, an effect that must end, or a command: %s', (_, snapshot) => {
    expect(exitsOf(snapshot)).not.toEqual([])
  })

  it('by nothing but effects and timers where no person can help', () => {
    const silent = agents.filter(([, snapshot]) => offered(snapshot).length === 0)
    const exits = silent.map(([state, snapshot]) => [state, exitsOf(snapshot)])
    expect(Object.fromEntries(exits)).toEqual({
      cancelling: ['settle'],
      completed: [],
      failed: [],
      cancelled: [],
      skipped: [],
    })
  })

  it('for a run by its host and, until it has ended, by a cancel', () => {
    const open = supervisors.filter(([, { value }]) => !isFinalState(publicState(value)))
    for (const [, snapshot] of open) expect(snapshot.can(supervisorEvents.commands.cancel)).toBe(true)
  })

  it('with every effect answered whether it succeeds or fails', () => {
    for (const [, snapshot] of [...agents, ...managers]) {
      for (const id of Object.keys(snapshot.children)) {
        expect(snapshot.machine.events).toEqual(
          expect.arrayContaining([`xstate.done.actor.${id}`, `xstate.error.actor.${id}`]),
        )
      }
    }
  })
})

/** What leads out of a state by itself or by a person's command. */
function exitsOf(snapshot: AnyMachineSnapshot): string[] {
  const nodes: AnyStateMachine['root'][] = snapshot._nodes
  const timers = nodes.flatMap((node) => node.after.map(({ delay }) => String(delay)))
  return [...Object.keys(snapshot.children), ...timers, ...offered(snapshot)]
}
