/** What the backends of local agents have in common with the agents themselves: one conversation an attempt. */
import type { EndFailure } from '../../domain/backend.ts'
import type { Usage } from '../../domain/budget.ts'
import type { Clock } from '../../domain/clock.ts'
import type { PermissionSpec } from '../../domain/local-work.ts'

/** An agent that is installed on this machine, and how it is spoken to. */
export interface LocalAgent {
  /** `command:claude`, `acp:codex`, ... */
  readonly id: string
  readonly abilities: AgentAbilities
  /** What one of it takes with the tools that it runs, MB. */
  readonly memoryMb: number
  /** Names of environment variables that it is given where they are set, beside PATH, HOME, LANG and the like. */
  readonly env: readonly string[]
  /** It is given a home of its own instead of the user's, where its login is. */
  readonly home?: 'private'
  /** Variables that it is always given. */
  readonly set: Readonly<Record<string, string>>
  /** Where its program is on this PATH, absolute. Throws BackendError `refused`, which says how to install it. */
  findProgram(env: Readonly<Record<string, string>>): Promise<string>
  /** Where it is on this PATH and what it says its version is. Throws BackendError `refused`, which says how to install it. */
  locate(env: Readonly<Record<string, string>>, signal: AbortSignal, clock: Clock): Promise<LocatedAgent>
  /** Nothing is started yet. */
  converse(options: ConversationOptions): Conversation
}

export interface LocatedAgent {
  /** Absolute path of what is started. */
  readonly path: string
  readonly version: string
}

export interface AgentAbilities {
  /** A turn under way can be told something. */
  readonly steer: boolean
  /** A session can be gone on with by another process. */
  readonly resume: boolean
  readonly usage: boolean
  /** Its process lives on between turns; else what a turn leaves running is ended with it. */
  readonly stays?: boolean
  /** False: it can be shown no images. Where nothing is said it tells that when it is started, if it cannot. */
  readonly images?: false
}

/** An image in a file that stays as it is. */
export interface KeptImage {
  /** Absolute. */
  readonly path: string
  /** `image/png` */
  readonly type: string
}

/** What a conversation is made of. */
export interface ConversationOptions {
  readonly clock: Clock
  /** RUN/TASK/ATTEMPT. */
  readonly attempt: string
  /** A UUID that is always the same for this attempt: the session's own id where the agent lets us choose it. */
  readonly uuid: string
  /** The worktree. */
  readonly cwd: string
  /**
   * Resolves when the worktree is whole, rejects where it will not be; absent: it is. Until then its folder is there without its files: an
   * agent may be started in it, but works with no other files, and by no other settings, than if it had been started after that.
   */
  readonly whole?: Promise<void>
  /** All of its environment, the attempt's mark included. */
  readonly env: Readonly<Record<string, string>>
  /** The attempt's own folder, for files that are not the agent's work. */
  readonly folder: string
  /** The session of an earlier process, to be gone on with. */
  readonly session?: string
  readonly model?: string
  /** Shown with the first prompt of each session; where it cannot be shown any, {@link Conversation.open} says so. */
  readonly images?: readonly KeptImage[]
  /** `session` was shown them: a turn of it has ended. */
  readonly hasSeenImages?: boolean
  readonly permissions: PermissionSpec
  readonly events: ConversationEvents
}

/** Told what happens. What returns a promise is durable when that resolves; the conversation waits for it. */
export interface ConversationEvents {
  /** A process was started, and was told no prompt yet. */
  process(process: { readonly pid: number; readonly startedAt: string }): Promise<void>
  session(id: string): Promise<void>
  /** Called in order; never throws. */
  saw(observation: Observation): void
}

/** Something that an agent was seen doing: a sign of life, and a line of its log. It decides nothing. */
export type Observation =
  | { readonly kind: 'text' | 'thought' | 'note'; readonly text: string }
  | {
      readonly kind: 'tool'
      readonly id: string
      readonly title: string
      readonly status: 'started' | 'completed' | 'failed'
    }
  /** A tool call was refused. */
  | { readonly kind: 'denied'; readonly what: string }
  /** It waits for a person's yes or no; `null`: it no longer does. */
  | { readonly kind: 'asks'; readonly request: { readonly id: string; readonly what: string } | null }
  /** Its provider lets it wait. */
  | { readonly kind: 'limit'; readonly until?: number; readonly message: string }

/** How a turn ended, by evidence. */
export type TurnEnd =
  | {
      readonly kind: 'complete'
      /** All that the agent said in its last message, or in the turn where messages cannot be told apart. */
      readonly text: string
      /** Its own word: `end_turn`, `success`. */
      readonly reason: string
      /** What this turn used; missing cost is absent, never zero. */
      readonly usage?: Usage
    }
  | { readonly kind: 'failed'; readonly failure: EndFailure; readonly text: string; readonly usage?: Usage }
  /** Ended by {@link Conversation.stop}. */
  | { readonly kind: 'stopped'; readonly text: string; readonly usage?: Usage }

/** The conversation of one attempt with its agent. One turn at a time. */
export interface Conversation {
  /**
   * Makes it ready for a turn, in a whole worktree: ACP starts its process and makes or resumes its session, a command may start the
   * process of its first turn; no model is asked. Throws BackendError (`refused`, `auth`, `timeout`, `crashed`, ...) or what `whole` rejects
   * with, and no process is left then.
   */
  open(signal: AbortSignal): Promise<void>
  /**
   * Sends a turn; resolves with how it ended, never rejects. A failure of kind `not-found` says that the session to be gone on with is
   * lost: the caller begins another.
   */
  turn(text: string): Promise<TurnEnd>
  /** `no-turn`: the turn has ended, nothing was sent. Throws BackendError where it cannot be told whether it arrived. */
  steer(text: string): Promise<'injected' | 'no-turn'>
  /** Answers what it `asks`; what is no longer asked is ignored. */
  answer(request: string, choice: 'allow' | 'reject'): void
  /** Cancels the turn, closes, signals, kills; resolves when its own processes are gone. Safe to call again, at any time. */
  stop(): Promise<void>
}
