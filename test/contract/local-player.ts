/** The agents of this machine that the contract is asked of, and how each is told what to do. */
import type { LocalAgent } from '../../src/backends/local/conversation.ts'
import type { AttemptKey } from '../../src/domain/ids.ts'
import type { Act } from './stage.ts'

/** Where an agent lives in a test: enough for another process to find it. */
export interface AgentPlace {
  /** The subject's name: `acp:codex`. */
  readonly name: string
  /** A folder of the subject's own. */
  readonly root: string
  readonly modelUrl: string
}

/** Tells an agent what to do. */
export interface Player {
  readonly agent: LocalAgent
  readonly modelUrl: string
  /** A prompt by which it does this. */
  text(key: AttemptKey, turn: number, acts: readonly Act[], words: string): string
  /** All that was said of a task, oldest first. */
  told(task: string): Promise<readonly string[]>
  letGoOn(task: string): void
  recover(task: string): Promise<void>
  /** Where it has no process of its own. */
  kill?(): Promise<void>
  close(): Promise<void>
}
