/** What the contract of backends is made of: subjects, the stages they are put on, and what their agents can be told to do there. */
import type { AgentOrder, AgentRunRef, AgentRunState, Backend, BackendCapabilities } from '../../src/domain/backend.ts'
import type { AttemptKey } from '../../src/domain/ids.ts'
import type { AttemptWork, PermissionSpec } from '../../src/domain/local-work.ts'

/** What an agent does in a turn, whoever plays it. */
export type Act =
  | { readonly act: 'write'; readonly path: string; readonly content: string }
  /** A tool that never ends; done at once where it is asked for again. */
  | { readonly act: 'tool' }
  /** A file that it may not write. */
  | { readonly act: 'write-outside'; readonly path: string }
  /** Its model never answers. */
  | { readonly act: 'hang' }
  /** Its model waits to be let go on; then the agent says which of what it was told while it waited. */
  | { readonly act: 'listen'; readonly for: string }
  /** Its model's provider answers nothing else until {@link Stage.recover}. */
  | { readonly act: 'rate-limited' | 'unauthorized' | 'cut' }
  /** Seconds since 1970. */
  | { readonly act: 'usage-limit'; readonly resetsAt: number }
  /** Ends the turn. */
  | { readonly act: 'say'; readonly text: string }

/** One attempt of a case, which has the name of its task. */
export interface Given {
  readonly task: string
  readonly acts: readonly Act[]
  readonly permissions?: Partial<PermissionSpec>
  /** What is asked in words, before everything else. */
  readonly words?: string
}

/** A backend, its agents, and all that can happen to them. */
export interface Stage {
  /** The one that works now. */
  readonly backend: Backend
  key(task: string): AttemptKey
  order(given: Given): AgentOrder
  /** The prompt of a later turn, in which the agent does this. */
  text(task: string, turn: number, acts: readonly Act[], words?: string): string
  /** Waits until something is so; the limit of the test is the bound. */
  until(isSo: () => boolean | Promise<boolean>): Promise<void>
  /** Ends this troupe as it should be ended; another one follows. */
  reopen(): Promise<void>
  /**
   * This troupe ends; another one, in a process of its own where its agents are of this machine, creates what is ordered and is killed
   * when it has got so far. Another one follows.
   */
  killTroupeIn(order: AgentOrder, far: () => Promise<void>): Promise<AgentRunRef>
  /** Nobody needs what was ordered so far any more. Resolves when all of it has been let go; the processes that are left, in words. */
  letGo(): Promise<readonly string[]>
  /** Everything ends. Gives the processes that are left, in words. */
  close(): Promise<readonly string[]>
  /** What only agents of this machine have. */
  readonly local: LocalParts | undefined
}

export interface LocalParts {
  /** What its model, or the agent, has heard of a task, oldest first. */
  told(task: string): Promise<readonly string[]>
  /** Resolves when its tool is at work. */
  inTool(task: string): Promise<void>
  /** Processes that bear the mark of a task's attempt, in words. */
  processes(task: string): Promise<readonly string[]>
  /** Ends the agent, with no time to say anything. */
  killAgent(task: string): Promise<void>
  /** A model that waits in `listen` goes on. */
  letGoOn(task: string): void
  /** What failed at the provider of a task's model does so no more. */
  recover(task: string): Promise<void>
  /** The wait for a limit is over. */
  passLimit(): void
  work(task: string): Promise<AttemptWork | undefined>
  git(...args: string[]): Promise<string>
  /** A path that no agent may write to. */
  readonly outside: string
}

/** The cases, by what they are about. */
export type CaseName =
  | 'basic'
  | 'created-once'
  | 'second-turn'
  | 'usage'
  | 'slash'
  | 'denied'
  | 'asked'
  | 'cancel-hung'
  | 'cancel-tool'
  | 'steer'
  | 'rate-limit'
  | 'usage-limit'
  | 'auth'
  | 'cut'
  | 'agent-killed'
  | 'troupe-killed'
  | 'troupe-closed'
  | 'work'
  | 'nothing-left'

/** A backend that keeps the contract. */
export interface Subject {
  readonly name: string
  /** What it declares; what of it is false is not asked. */
  readonly capabilities: BackendCapabilities
  /** Why a case is not asked though everything that it needs is declared. */
  readonly gaps: Readonly<Partial<Record<CaseName, string>>>
  /** Where it tells usage: tokens of a turn of two answers, then of that and one of one answer together. */
  readonly tokens?: readonly [first: number, both: number]
  /** As what it tells a usage limit, and whether it says when that ends. */
  readonly usageLimit?: { readonly kind: 'limit' | 'quota'; readonly saysWhen: boolean }
  open(): Promise<Stage>
}

export const never = new AbortController().signal

/** Follows a run until it has ended; how it ended. */
export async function ended(stage: Stage, ref: AgentRunRef): Promise<Omit<AgentRunState, 'at'>> {
  const { backend } = stage
  const watch = new AbortController()
  const following = backend.follow(ref, () => undefined, watch.signal)
  try {
    await stage.until(async () => !['active', 'paused'].includes((await backend.read(ref, never)).status))
    const { at: _, ...state } = await backend.read(ref, never)
    return state
  } finally {
    watch.abort()
    await following
  }
}
