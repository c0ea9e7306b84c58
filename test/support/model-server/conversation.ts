import { type AttemptKey, findMark } from '../../../src/domain/ids.ts'
import type { Json } from '../../../src/domain/json.ts'

/** What troupe writes at the end of a prompt. */
export interface Mark {
  readonly key: AttemptKey
  readonly turn: number
}

/** Who asks, by the form of its requests. */
export type AgentKind = 'claude' | 'codex'

/** One part of a conversation, in order. */
export type Said =
  | { readonly kind: 'user'; readonly text: string }
  | { readonly kind: 'model'; readonly text: string }
  | { readonly kind: 'call'; readonly id: string; readonly name: string }
  | { readonly kind: 'result'; readonly id: string; readonly text: string; readonly failed: boolean }

/** A request for the model's next answer, whichever provider's form it has. */
export interface Conversation {
  readonly agent: AgentKind
  readonly model: string
  readonly stream: boolean
  /** A title, a summary: asked by the agent for itself. */
  readonly side: boolean
  /** JSON Schema that the answer of a side request must fit. */
  readonly schema?: Json
  readonly tools: ReadonlySet<string>
  /** The agent's folder, where it says so. */
  readonly cwd: string | undefined
  readonly images: number
  readonly said: readonly Said[]
}

/** One turn: from the first prompt that holds its mark. */
export interface Turn {
  readonly mark: Mark
  readonly said: readonly Said[]
}

/** A conversation without a mark is one of this task. */
const UNMARKED: Mark = { key: { run: 'run_0', task: 'unmarked', attempt: 1 }, turn: 1 }

/** The turn that the conversation is in: a continuation carries the mark of the turn that it goes on with. */
export function turnOf({ said }: Conversation): Turn {
  const marks = said.map((part) => (part.kind === 'user' ? findMark(part.text) : undefined))
  const mark = marks.findLast((found) => found !== undefined)
  if (mark === undefined) return { mark: UNMARKED, said: said.slice(lastPrompt(said)) }
  const first = marks.findIndex((found) => found !== undefined && formatMarkOf(found) === formatMarkOf(mark))
  return { mark, said: said.slice(first) }
}

/** RUN/TASK/ATTEMPT/TURN. */
export function formatMarkOf({ key, turn }: Mark): string {
  return `${key.run}/${key.task}/${key.attempt}/${turn}`
}

function lastPrompt(said: readonly Said[]): number {
  return Math.max(
    0,
    said.findLastIndex(({ kind }, at) => kind === 'user' && said[at - 1]?.kind !== 'result'),
  )
}
