import type { ActorKind } from '../domain/record.ts'
import { agentMachine } from '../machines/agent-machine.ts'
import { managerMachine } from '../machines/manager-machine.ts'
import { supervisorMachine } from '../machines/supervisor-machine.ts'

const MACHINES = { agent: agentMachine, manager: managerMachine, supervisor: supervisorMachine } as const
const made = new Map<ActorKind, string>()

/**
 * A machine's definition as a JSON string literal, ready to stand in a message. It is the configuration that the machine was made
 * from, as `@statelyai/inspect` sends it: what an inspector makes a machine of again.
 */
export function definitionLiteral(kind: ActorKind): string {
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
