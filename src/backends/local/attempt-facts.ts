import type { EndFailure } from '../../domain/backend.ts'
import type { Usage } from '../../domain/budget.ts'
import type { AttemptWork, CollectedWork, WorkspaceOrder } from '../../domain/local-work.ts'
import type { TurnEnd } from './conversation.ts'
import type { PreparedWorktree } from './worktrees.ts'

/** What is noted of an attempt, in this order: each line is durable before what follows from it is done. */
export type AttemptFact = { readonly v: 1; readonly at: number } & (
  | { readonly fact: 'ordered'; readonly backend: string; readonly workspace: WorkspaceOrder; readonly base: string }
  | { readonly fact: 'workspace'; readonly worktree: PreparedWorktree }
  /** Its setup commands have passed. */
  | { readonly fact: 'ready' }
  | { readonly fact: 'process'; readonly pid: number; readonly startedAt: string }
  | { readonly fact: 'session'; readonly id: string }
  /** A prompt is about to be sent: the turn's own, or one to go on with it after an interruption. */
  | { readonly fact: 'turn'; readonly turn: number; readonly continues: boolean }
  /** A person answered what was asked in the turn under way, which has this number from then on. */
  | { readonly fact: 'joined'; readonly turn: number }
  | { readonly fact: 'ended'; readonly turn: number; readonly end: NotedEnd }
  | { readonly fact: 'denied'; readonly what: string }
  | { readonly fact: 'collected'; readonly turn: number; readonly work: CollectedWork; readonly stashed: boolean }
  | { readonly fact: 'released'; readonly kept: readonly string[] }
)

/** What is noted without its time and version. */
export type NewFact = AttemptFact extends infer F ? (F extends AttemptFact ? Omit<F, 'v' | 'at'> : never) : never

/** How a turn ended; its text lies in a file of its own. */
export interface NotedEnd {
  readonly kind: 'complete' | 'failed' | 'stopped'
  readonly reason?: string
  readonly failure?: EndFailure
  readonly usage?: Usage
}

/** What the facts of an attempt add up to. */
export interface AttemptState {
  readonly createdAt: number
  readonly backend: string
  readonly workspace: WorkspaceOrder
  /** The commit that its run began with. */
  readonly runBase: string
  readonly worktree?: PreparedWorktree
  /** Of its worktree, also when that has gone. */
  readonly branch?: string
  readonly ready: boolean
  readonly session?: string
  /** The last turn whose prompt was about to be sent; 0 before. */
  readonly turn: number
  /** What came of it; absent as long as it is under way, or was interrupted. */
  readonly end?: NotedEnd
  /** Of all turns together. */
  readonly usage?: Usage
  readonly continued: number
  readonly denied: readonly string[]
  readonly collected?: { readonly turn: number; readonly work: CollectedWork }
  readonly stashed: boolean
  readonly released: boolean
  readonly kept: readonly string[]
}

const MOST_DENIED = 20

/** The state with one more fact; what comes before `ordered` is no attempt's. */
export function withFact(state: AttemptState | undefined, fact: AttemptFact): AttemptState | undefined {
  if (fact.fact === 'ordered') {
    const { at: createdAt, backend, workspace, base: runBase } = fact
    if (state !== undefined) return { ...state, workspace, released: false }
    return {
      createdAt,
      backend,
      workspace,
      runBase,
      ready: false,
      turn: 0,
      continued: 0,
      denied: [],
      stashed: false,
      released: false,
      kept: [],
    }
  }
  return state === undefined ? undefined : folded(state, fact)
}

function folded(state: AttemptState, fact: Exclude<AttemptFact, { fact: 'ordered' }>): AttemptState {
  switch (fact.fact) {
    case 'workspace':
      return { ...state, worktree: fact.worktree, branch: fact.worktree.branch, released: false }
    case 'ready':
      return { ...state, ready: true }
    case 'process':
      return state
    case 'session':
      return { ...state, session: fact.id }
    case 'turn': {
      const { end: _, ...open } = state
      return { ...open, turn: fact.turn, continued: state.continued + (fact.continues ? 1 : 0) }
    }
    case 'joined':
      return { ...state, turn: fact.turn }
    case 'ended':
      return { ...state, end: fact.end, ...(fact.end.usage && { usage: sum(state.usage, fact.end.usage) }) }
    case 'denied':
      return state.denied.length < MOST_DENIED ? { ...state, denied: [...state.denied, fact.what] } : state
    case 'collected':
      return { ...state, collected: { turn: fact.turn, work: fact.work }, stashed: state.stashed || fact.stashed }
    case 'released': {
      const { worktree: _, ...rest } = state
      return { ...rest, ready: false, released: true, kept: [...state.kept, ...fact.kept] }
    }
  }
}

/** A turn's end as it is noted. */
export function notedEnd(end: TurnEnd): NotedEnd {
  const usage = end.usage === undefined ? {} : { usage: end.usage }
  if (end.kind === 'complete') return { kind: 'complete', reason: end.reason, ...usage }
  if (end.kind === 'failed') return { kind: 'failed', failure: end.failure, ...usage }
  return { kind: 'stopped', ...usage }
}

/** What both used; what neither tells stays unknown. */
function sum(one: Usage | undefined, other: Usage): Usage {
  const cost = one?.cost === undefined ? other.cost : one.cost + (other.cost ?? 0)
  const tokens = one?.tokens === undefined ? other.tokens : one.tokens + (other.tokens ?? 0)
  return { ...(cost === undefined ? {} : { cost }), ...(tokens === undefined ? {} : { tokens }) }
}

/** An attempt as people are told of it. */
export function workOf(task: string, attempt: number, state: AttemptState, keptIn: string): AttemptWork {
  const { backend, worktree, branch, session, turn, end, collected, continued, denied, kept } = state
  return {
    task,
    attempt,
    backend,
    state: stateWord(state),
    ...(end?.failure === undefined ? {} : { reason: end.failure.message }),
    ...(branch === undefined ? {} : { branch }),
    ...(worktree === undefined ? {} : { worktree: worktree.path }),
    ...(session === undefined ? {} : { session }),
    turns: turn,
    continued,
    ...(collected === undefined ? {} : { work: collected.work }),
    denied,
    ...(state.stashed ? { stashed: true as const } : {}),
    ...(kept.length === 0 ? {} : { kept: { folder: keptIn, files: kept } }),
  }
}

function stateWord({ turn, end, released }: AttemptState): AttemptWork['state'] {
  if (end?.kind === 'stopped') return 'cancelled'
  if (end !== undefined) return end.kind
  if (released) return turn === 0 ? 'not-started' : 'interrupted'
  return turn === 0 ? 'preparing' : 'working'
}
