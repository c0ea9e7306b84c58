/** Every backend, with what it declares and what it cannot be asked for. */
import type { BackendCapabilities } from '../../src/domain/backend.ts'
import type { AgentPlace, Player } from './local-player.ts'
import { openLocalStage } from './local-stage.ts'
import { realPlayer } from './real-player.ts'
import { openCodegenStage, openSimulatedStage, TOKENS } from './remote-stage.ts'
import { commandPlayer, protocolPlayer } from './scripted-player.ts'
import type { Subject } from './stage.ts'

const LOCAL: BackendCapabilities = {
  idempotentCreate: true,
  cancel: true,
  resumeAfterRestart: true,
  turns: true,
  logs: true,
  steer: false,
  usage: true,
  worktree: true,
}
const NO_QUESTIONS = 'a command asks nobody: what it may not do is refused before it starts'
const { worktree: _, ...REMOTE } = LOCAL

export const simulated: Subject = {
  name: 'simulated',
  capabilities: REMOTE,
  gaps: {},
  tokens: [TOKENS, TOKENS],
  open: async () => openSimulatedStage(),
}

export const codegen: Subject = {
  name: 'codegen (its stand-in)',
  capabilities: { ...REMOTE, idempotentCreate: false, cancel: false, usage: false },
  gaps: {},
  open: async () => openCodegenStage(),
}

export const protocol: Subject = {
  ...local('acp:scripted', async (place) => protocolPlayer(place)),
  capabilities: { ...LOCAL, steer: true },
  tokens: [120, 240],
  usageLimit: { kind: 'limit', saysWhen: true },
}

export const described: Subject = {
  ...local('command:described', commandPlayer),
  gaps: { asked: NO_QUESTIONS },
  tokens: [240, 360],
  usageLimit: { kind: 'limit', saysWhen: true },
}

export const claudeCommand: Subject = {
  ...local('command:claude', realPlayer),
  capabilities: { ...LOCAL, steer: true },
  gaps: { asked: NO_QUESTIONS },
  tokens: [240, 360],
  usageLimit: { kind: 'limit', saysWhen: true },
}

export const codexCommand: Subject = {
  ...local('command:codex', realPlayer),
  gaps: { asked: NO_QUESTIONS },
  tokens: [240, 360],
  usageLimit: { kind: 'limit', saysWhen: true },
}

export const claudeProtocol: Subject = {
  ...local('acp:claude', realPlayer),
  tokens: [240, 360],
  usageLimit: { kind: 'limit', saysWhen: true },
}

export const codexProtocol: Subject = {
  ...local('acp:codex', realPlayer),
  capabilities: { ...LOCAL, steer: true },
  tokens: [240, 360],
  usageLimit: { kind: 'quota', saysWhen: false },
}

export const SUBJECTS: readonly Subject[] = [
  ...[simulated, codegen, protocol, described],
  ...[claudeCommand, codexCommand, claudeProtocol, codexProtocol],
]

function local(name: string, make: (place: AgentPlace) => Promise<Player>): Subject {
  return { name, capabilities: LOCAL, gaps: {}, open: () => openLocalStage(name, make) }
}
