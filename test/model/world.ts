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
  crash: number
  /** A request or its answer that gets lost, or comes too late to be waited for. */
  lost: number
  /** A request that arrives twice, or a command that is said twice. */
  doubled: number
  /** An agent run that fails, or whose report says so. */
  failure: number
  /** An agent run that pauses, and goes on or not. */
  pause: number
  /** A create that is certainly refused: for its rate, or for want of quota. */
  refusal: number
  /** A list that cannot be read for as long as it is asked. */
  unreadable: number
  /** A deadline that passes. */
  deadline: number
  /** Something that a person says unasked. */
  command: number
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
}

/** A record that is not durable yet. */
export interface Waiting {
  readonly actor: number
  readonly state: number
  /** What it says beyond the state: `owned:KEY`, `given-up:KEY`, `retried:KEY`. */
  readonly facts: readonly string[]
}

export interface World {
  /** Numbers of actor states. */
  actors: number[]
  durable: number[]
  queue: Waiting[]
  /** How far each actor's effect is: begun or not, sent, or in doubt about what it sent. */
  phases: ('new' | 'sent' | 'doubt')[]
  /** The effect was started by a restore. */
  restarted: boolean[]
  messages: Message[]
  runs: ProviderRun[]
  /** Who holds a place, TASK/ATTEMPT. */
  holders: string[]
  facts: string[]
  durableFacts: string[]
  left: Allowance
}

export function copyOf(world: World): World {
  return {
    actors: [...world.actors],
    durable: [...world.durable],
    queue: [...world.queue],
    phases: [...world.phases],
    restarted: [...world.restarted],
    messages: [...world.messages],
    runs: [...world.runs],
    holders: [...world.holders],
    facts: [...world.facts],
    durableFacts: [...world.durableFacts],
    left: { ...world.left },
  }
}

/** Equal for equal worlds: what has no order is sorted. */
export function nameOf(world: World): string {
  const { actors, durable, queue, phases, restarted, messages, runs, holders, facts, durableFacts, left } = world
  return JSON.stringify([
    actors,
    durable,
    queue.map(({ actor, state, facts: said }) => [actor, state, said]),
    phases.map((phase, actor) => (restarted[actor] ? `${phase}!` : phase)),
    messages.map(({ kind, key, turn, at, isLate }) => `${kind} ${key} ${turn} ${at} ${isLate}`).sort(),
    runs.map(({ key, status, turn }) => `${key} ${status} ${turn}`),
    [...holders].sort(),
    [...facts].sort(),
    [...durableFacts].sort(),
    Object.values(left),
  ])
}

export const keyOf = (actor: number, attempt: unknown): string => `${NAMES[actor]}/${Number(attempt)}`

export function add(list: string[], item: string): void {
  if (!list.includes(item)) list.push(item)
}
