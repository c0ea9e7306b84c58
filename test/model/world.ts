/** One state of everything: the actors as they are and as they are on disk, the messages on their way, the provider. */

export const SUPERVISOR = 0
export const MANAGER = 1
export const ANN = 2
export const BOB = 3
export const NAMES = ['supervisor', 'manager', 'ann', 'bob'] as const
export const TASKS = [ANN, BOB] as const
/** No actor yet. */
export const NONE = -1

/** What may still go wrong, each so often. */
export interface Allowance {
  readonly crash: number
  /** A request or its answer that gets lost, or comes too late to be waited for. */
  readonly lost: number
  /** A request that arrives twice, or a command that is said twice. */
  readonly doubled: number
  /** An agent run that fails, or whose report says so. */
  readonly failure: number
  /** An agent run that pauses, and goes on or not. */
  readonly pause: number
  /** A create that is certainly refused: for its rate, for want of quota, or for good. */
  readonly refusal: number
  /** A list that cannot be read for as long as it is asked. */
  readonly unreadable: number
  /** An agent run that is not listed at once, but within the grace time. */
  readonly unlisted: number
  /** A deadline that passes. */
  readonly deadline: number
  /** Something that a person says unasked. */
  readonly command: number
}

/** A request on its way: to the provider, or its answer back. */
export interface Message {
  readonly kind: 'create' | 'prompt'
  /** TASK/ATTEMPT. */
  readonly key: string
  readonly turn: number
  readonly at: 'there' | 'back'
  /** Nobody waits for its answer any more. */
  readonly isLate: boolean
}

/** An agent run at the provider. */
export interface ProviderRun {
  readonly key: string
  readonly status: 'active' | 'paused' | 'complete' | 'failed'
  readonly turn: number
  /** It works already, and no list shows it yet. */
  readonly isUnlisted?: true
}

/** A record that is not durable yet. */
export interface Waiting {
  readonly actor: number
  readonly state: number
  /** What it says beyond the state: `owned:KEY`, `given-up:KEY`. */
  readonly facts: readonly string[]
}

/** How far an actor's effect is: begun or not (anew by a restore), sent, or in doubt about what it sent. */
export type Phase = 'new' | 'restarted' | 'sent' | 'doubt'

/** Its lists are never changed, only replaced: worlds share them. */
export interface World {
  /** Numbers of actor states. */
  actors: readonly number[]
  durable: readonly number[]
  queue: readonly Waiting[]
  phases: readonly Phase[]
  /** In the order of {@link arrange}: which was sent first does not matter. */
  messages: readonly Message[]
  /** Oldest first. */
  runs: readonly ProviderRun[]
  /** Who holds a place, TASK/ATTEMPT, sorted. */
  holders: readonly string[]
  facts: readonly string[]
  durableFacts: readonly string[]
  left: Allowance
}

export const keyOf = (actor: number, attempt: unknown): string => `${NAMES[actor]}/${Number(attempt)}`

/** The sorted list with an item more, unless it is there. */
export function including(list: readonly string[], item: string): readonly string[] {
  return list.includes(item) ? list : [...list, item].sort()
}

export function arrange(messages: readonly Message[]): readonly Message[] {
  const name = ({ kind, key, turn, at, isLate }: Message) => `${kind} ${key} ${turn} ${at} ${isLate}`
  return messages.toSorted((a, b) => (name(a) < name(b) ? -1 : 1))
}
