import type { AgentAbilities } from '../local/conversation.ts'

/** One agent that speaks the protocol, with everything that is particular to it. */
export interface AcpProfile {
  /** `acp:claude`. */
  readonly id: string
  /** A name on PATH or an absolute path. */
  readonly program: string
  readonly args: readonly string[]
  readonly abilities: AgentAbilities
  readonly memoryMb: number
  readonly env: readonly string[]
  readonly set: Readonly<Record<string, string>>
  readonly home?: 'private'
  readonly model?: string
  /** Modes its sessions may work in: the first of them that it offers is set. Empty: it stays in its own. */
  readonly modes: readonly string[]
  /** Its process reads nothing in the folder that it is started in: it can be started before the worktree is whole. */
  readonly startsEarly?: true
  /** Its commands run in a sandbox of its own: what it asks for is to leave that. */
  readonly sandboxed?: true
  /** Its new sessions are given a title: without one it would ask a model for it, in a turn of its own that nobody watches. */
  readonly titled?: true
  /** What it is told of its client beside the protocol: `_meta` of the client's capabilities. */
  readonly clientMeta?: Readonly<Record<string, unknown>>
  /** The method of `authenticate` for a key in the environment. */
  readonly keyLogin?: { readonly method: string; readonly variables: readonly string[] }
  /** How to log in, a sentence. */
  readonly login: string
  /** How to install it, a sentence. */
  readonly install: string
  readonly version: readonly string[]
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
}
