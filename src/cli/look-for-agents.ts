import { agentEnvironment } from '../backends/local/agent-environment.ts'
import type { LocalAgent, LocatedAgent } from '../backends/local/conversation.ts'
import { BackendError } from '../domain/errors.ts'
import { realClock } from '../host/clock.ts'

/** An agent, and where it is or why it cannot be used. */
export type FoundAgent =
  | { readonly agent: LocalAgent; readonly located: LocatedAgent }
  | { readonly agent: LocalAgent; readonly trouble: string }

/** Looks for agents as they would be started, all at once. */
export function lookForAgents(
  agents: readonly LocalAgent[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly FoundAgent[]> {
  return Promise.all(agents.map((agent) => lookFor(agent, env)))
}

async function lookFor(agent: LocalAgent, own: Readonly<Record<string, string | undefined>>): Promise<FoundAgent> {
  const environment = agentEnvironment({ own, names: agent.env, set: agent.set, marks: {} })
  try {
    return { agent, located: await agent.locate(environment, new AbortController().signal, realClock) }
  } catch (error) {
    if (error instanceof BackendError) return { agent, trouble: error.message }
    throw error
  }
}
