import type { EndFailure } from '../../domain/backend.ts'
import type { Observation } from '../local/conversation.ts'

/** Something that a line of an agent's output tells. */
export type TurnFact =
  | { readonly kind: 'session'; readonly id: string }
  /** What it says: all of its answer so far, or a further part of it. */
  | { readonly kind: 'text'; readonly text: string; readonly replaces: boolean }
  | { readonly kind: 'saw'; readonly observation: Observation }
  | UsageFact
  /** The turn failed. `endsIt`: waiting for its process would be of no use. */
  | { readonly kind: 'failure'; readonly failure: EndFailure; readonly endsIt: boolean }
  /** It goes on, although an end was told of before. */
  | { readonly kind: 'goes-on' }
  /** The turn has ended; the process is about to. */
  | { readonly kind: 'end'; readonly reason: string }

/** What was used: by one step, by the turn so far, or by the session so far. */
export interface UsageFact {
  readonly kind: 'usage'
  readonly of: 'step' | 'turn' | 'session'
  readonly tokens?: number
  readonly cost?: number
}

/** Reads the lines of one turn, in order; one is made for each turn. Never throws, whatever a line is. */
export type LineReader = (line: string) => readonly TurnFact[]
