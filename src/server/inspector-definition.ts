import type { ActorKind } from '../domain/record.ts'
import { agentMachine } from '../machines/agent-machine.ts'
import { managerMachine } from '../machines/manager-machine.ts'
import { planningMachine } from '../machines/planning-machine.ts'
import { supervisorMachine } from '../machines/supervisor-machine.ts'

/** What a machine is shown as: a manager that plans has one of its own. */
export type InspectedMachine = ActorKind | 'planner'

const MACHINES = {
  agent: agentMachine,
  manager: managerMachine,
  planner: planningMachine,
  supervisor: supervisorMachine,
} as const
const made = new Map<InspectedMachine, string>()

/**
 * A machine's definition as a JSON string literal, ready to stand in a message. It is the configuration that the machine was made
 * from, as `@statelyai/inspect` sends it: what an inspector makes a machine of again.
 */
export function definitionLiteral(kind: InspectedMachine): string {
  const known = made.get(kind)
  if (known !== undefined) return known
  const literal = JSON.stringify(JSON.stringify(MACHINES[kind].config, withoutFunctions))
  made.set(kind, literal)
  return literal
}

/** An action without a name is shown by its type (`xstate.assign`); every other function says nothing to an inspector. */
function withoutFunctions(this: unknown, key: string, value: unknown): unknown {
  if (typeof value !== 'function') return value
  const isAction = Array.isArray(this) || ['actions', 'entry', 'exit'].includes(key)
  if (!isAction) return undefined
  return { type: 'type' in value && typeof value.type === 'string' ? value.type : value.name }
}
