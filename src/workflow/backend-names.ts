/** What a backend's name tells: where its agents work, and what they report. */

/** A backend as a workflow names it. */
export type BackendName = 'codegen' | 'simulated' | `command:${string}` | `acp:${string}`

export const DEFAULT_BACKEND = 'codegen'
/** An agent of this machine has a name of its own after how it is spoken to. */
export const BACKEND_NAME = /^(codegen|simulated|(command|acp):[a-z][a-z0-9-]{0,63})$/
/** Those that are there without being described. */
export const KNOWN_BACKENDS: readonly BackendName[] = [
  'codegen',
  'simulated',
  'command:claude',
  'command:codex',
  'acp:claude',
  'acp:codex',
]

/** Whether the agents of a backend run on this machine, each in a git worktree of its own. */
export function isLocalBackend(backend: string): boolean {
  return /^(command|acp):/.test(backend)
}

// Codex says what it used, and never what that cost: a budget of dollars would never be reached.
const REPORTED: Readonly<Record<'cost' | 'tokens', RegExp>> = {
  cost: /^(simulated|(command|acp):claude)$/,
  tokens: /^(simulated|(command|acp):(claude|codex))$/,
}

/** Whether the agents of a backend report what they use, in US dollars or in tokens. A budget of it means nothing elsewhere. */
export function reportsUse(backend: string, key: 'cost' | 'tokens'): boolean {
  return REPORTED[key].test(backend)
}
