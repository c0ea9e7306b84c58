/** What local agents work in and what becomes of it: worktrees, commits, checks, permissions. Plain JSON. */

/** A command and its arguments; no shell reads it. */
export type CommandLine = readonly [program: string, ...args: string[]]

/** Commands that must end with code 0 in a task's worktree before it completes; failing output goes back to its agent. */
export interface CheckSpec {
  /** Run one after the other until one fails. */
  readonly commands: readonly CommandLine[]
  /** How often failing output goes back to the agent. */
  readonly rounds: number
  /** How long each command may take, ms. */
  readonly timeoutMs: number
}

/** How a check ended. */
export interface CheckResult {
  readonly passed: boolean
  /** The command that failed, else the last. */
  readonly command: CommandLine
  /** Null where it was stopped by its time limit or a signal, or could not be started. */
  readonly exitCode: number | null
  /** Why it counts as failed, where no exit code says it. */
  readonly trouble?: string
  /** The end of what the failing command printed, cut. */
  readonly output: string
  /** How long all of them took, ms. */
  readonly ms: number
}

/** What an agent may do that it asks for. */
export interface PermissionSpec {
  /** What lies outside the worktree, or is of a kind that is not allowed: rejected, or asked of a person. */
  readonly rest: 'reject' | 'ask'
  /** How long a person may take before it is rejected, ms. */
  readonly deadlineMs: number
  /** Further kinds of tool calls that are allowed, such as `fetch`. */
  readonly allow: readonly string[]
}

/** What an attempt's work begins with: what a task that it needs has done. */
export interface NeededWork {
  readonly task: string
  readonly attempt: number
  /** Absent where a person completed it: what is on the attempt's branch then. */
  readonly commit?: string
}

/** The worktree that an attempt is to be given. */
export interface WorkspaceOrder {
  /** A folder in a git repository, absolute. */
  readonly repository: string
  readonly needs: readonly NeededWork[]
  /** Work that cannot be merged is a person's, or goes to the agent with its conflicts in it. */
  readonly onConflict: 'escalate' | 'agent'
  /** Run in the new worktree before the agent starts, one after the other. */
  readonly setup: readonly CommandLine[]
  readonly permissions: PermissionSpec
}

/** A file that an attempt has changed. Lines are null for binary files. */
export interface FileChange {
  readonly path: string
  readonly added: number | null
  readonly removed: number | null
}

/** What git knows of an attempt's work: no text of an agent. */
export interface CollectedWork {
  /** The repository's top folder. */
  readonly repository: string
  readonly branch: string
  /** Where its agent began: the run's base, or the merged work of what it needs. */
  readonly base: string
  /** What it left, all of it; `base` when nothing changed. */
  readonly commit: string
  /** Commits between the two, the one that troupe made of what was left uncommitted among them. */
  readonly commits: number
  /** The first of them, by path. */
  readonly files: readonly FileChange[]
  readonly fileCount: number
  readonly added: number
  readonly removed: number
}

/** One attempt of a run at local agents, as its own notes tell it. */
export interface AttemptWork {
  readonly task: string
  readonly attempt: number
  /** Backend and agent: `acp:claude`. */
  readonly backend: string
  /** `interrupted`: its turn is not over, and nothing goes on now. `not-started`: it was let go before its first prompt left. */
  readonly state: 'preparing' | 'working' | 'interrupted' | 'complete' | 'failed' | 'cancelled' | 'not-started'
  /** What went wrong, one line. */
  readonly reason?: string
  readonly branch?: string
  /** Where its worktree is, as long as there is one. */
  readonly worktree?: string
  readonly session?: string
  readonly turns: number
  /** How often it was continued after troupe had ended under it. */
  readonly continued: number
  readonly work?: CollectedWork
  /** Tool calls that were refused, one line each, the first of them. */
  readonly denied: readonly string[]
  /** The repository's stash has changed while it worked: git shares that with the user's own tree. */
  readonly stashed?: true
  /** Ignored files of its worktree that were kept, and where. */
  readonly kept?: { readonly folder: string; readonly files: readonly string[] }
}

/** Attempts of a run that nobody carries now, or that has ended: none of them goes on. */
export function uncarriedWork(attempts: readonly AttemptWork[]): readonly AttemptWork[] {
  return attempts.map((one) =>
    one.state === 'working' || one.state === 'preparing' ? { ...one, state: 'interrupted' } : one,
  )
}
