import type { EndFailure } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import type { PermissionSpec } from '../../domain/local-work.ts'
import type { KeptImage } from '../local/conversation.ts'
import type { LineReader } from './turn-fact.ts'

/** How one kind of agent is started for a turn, and how its output is read. */
export interface CommandDialect {
  /**
   * What it reads in its folder and in those above it before it has its prompt, relative: where nothing of that is there, it can be started
   * while its worktree is being filled. Its arguments depend on no prompt then, which comes on stdin. Absent: it is started when all is
   * there.
   */
  readonly readsFirst?: readonly string[]
  /** The folder in which that is its user's own, whatever it works in: absolute. */
  ownSettings?(env: Readonly<Record<string, string>>): string
  /** Whether the session of an earlier turn can be gone on with. */
  readonly resumes: boolean
  readonly usage: boolean
  /** How it is shown images: it is told their files, or what is in them. Absent: it cannot be. */
  readonly images?: 'files' | 'data'
  /** The signal that ends it together with its tools. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
  readonly exitCodes: readonly number[]
  /** An exit without a line that tells of the end is a crash. */
  readonly saysEnd: boolean
  /** How a turn under way is told something: what is written to its stdin. Absent: it cannot be. */
  steer?(text: string): string
  start(turn: TurnStart): StartedWith
  reader(clock: Clock): LineReader
  /** Why it failed, by what it printed to stderr; undefined: an agent that failed. */
  explain?(stderr: string, now: number): EndFailure | undefined
  /** What it was not allowed to do, where only what it printed to stderr tells that. */
  refusals?(stderr: string): readonly string[]
  /** Whether it ended before it began, since there is no such session, or there is one already. */
  sessionTrouble?(stderr: string): 'unknown' | 'taken' | undefined
}

/** What a turn is started with. */
export interface TurnStart {
  readonly prompt: string
  /** The session that is gone on with; absent: a new one. */
  readonly session: string | undefined
  readonly uuid: string
  readonly model: string | undefined
  /** The worktree. */
  readonly cwd: string
  /** The attempt's own folder. */
  readonly folder: string
  readonly permissions: PermissionSpec
  /** For a session that has not seen them. */
  readonly images: readonly ShownImage[]
}

/** An image, with what is in it where the dialect wants that. */
export interface ShownImage extends KeptImage {
  readonly base64: string
}

/** A turn's process. */
export interface StartedWith {
  readonly args: readonly string[]
  /** Written to its stdin; null: it has none. */
  readonly stdin: string | null
  /** Its stdin is closed only when the turn has ended. */
  readonly keepsStdin: boolean
  /** The session's id, where it is known before the agent says so. */
  readonly session?: string
}
