import { describe, expect, it } from 'vitest'
import { type AnyStateMachine, type AnyStateNode, createMachine } from 'xstate'
import type { JsonObject } from '../../src/domain/json.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { planningMachine } from '../../src/machines/planning-machine.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { definitionLiteral, type InspectedMachine } from '../../src/server/inspector-definition.ts'
import { actorMessage } from '../../src/server/inspector-messages.ts'

const MACHINES: readonly (readonly [InspectedMachine, AnyStateMachine])[] = [
  ['agent', agentMachine],
  ['manager', managerMachine],
  ['planner', planningMachine],
  ['supervisor', supervisorMachine],
]

/** Every state with what it invokes and where each of its events leads. */
function shape(node: AnyStateNode): unknown[] {
  const transitions = [...node.transitions].map(([event, all]) => [
    event,
    all.map(({ target }) => target?.map(({ id }) => id)),
  ])
  const invokes = node.invoke.map(({ id, src }) => [id, src])
  return [[node.id, node.type, invokes, transitions], ...Object.values(node.states).flatMap(shape)]
}

describe('the definition that an inspector is sent', () => {
  it.each(MACHINES)('makes the %s machine again: its states, effects and transitions', (kind, machine) => {
    const again = createMachine(JSON.parse(JSON.parse(definitionLiteral(kind))))
    expect(shape(again.root)).toEqual(shape(machine.root))
  })

  it('is the planner’s for a manager that counts its decisions', () => {
    const about = { run: 'run_1', actor: 'manager', kind: 'manager' } as const
    const shown = (context: JsonObject) =>
      JSON.parse(actorMessage(about, { status: 'active', value: 'x', context }, 0)).definition
    expect(shown({ rounds: 0 })).toEqual(JSON.parse(definitionLiteral('planner')))
    expect(shown({})).toEqual(JSON.parse(definitionLiteral('manager')))
  })

  it.each(MACHINES)('holds names of actions and no empty place where a function of the %s was', (kind) => {
    const unnamed: unknown[] = []
    JSON.parse(JSON.parse(definitionLiteral(kind)), (key, value) => {
      const actions = ['actions', 'entry', 'exit'].includes(key) ? [value].flat() : []
      unnamed.push(...actions.filter((action) => !(typeof action === 'string' ? action : action?.type)))
      return value
    })
    expect(unnamed).toEqual([])
  })
})
