import { localAgent } from '../../../src/backends/acp/acp-agents.ts'
import type { AcpProfile } from '../../../src/backends/acp/acp-profile.ts'
import type { LocalAgent } from '../../../src/backends/local/conversation.ts'
import { type InProcessAgent, startInProcess } from './in-process-wire.ts'
import type { AgentSettings } from './script.ts'

const PROFILE: AcpProfile = {
  id: 'acp:scripted',
  program: 'scripted',
  args: [],
  abilities: { steer: true, resume: true, usage: true },
  memoryMb: 1,
  env: [],
  set: {},
  modes: [],
  login: "Run 'scripted login'.",
  install: 'Make it with the SDK.',
  version: ['--version'],
  stopSignal: 'SIGTERM',
}

/** The scripted agent as a local agent that runs in this process, and each start of it. */
export function inProcessAgent(
  settings: AgentSettings,
  profile?: Partial<AcpProfile>,
): { readonly agent: LocalAgent; readonly started: readonly InProcessAgent[] } {
  const started: InProcessAgent[] = []
  const start = async () => {
    const agent = startInProcess(settings)
    started.push(agent)
    return agent.wire
  }
  return { agent: localAgent({ ...PROFILE, ...profile }, start), started }
}
