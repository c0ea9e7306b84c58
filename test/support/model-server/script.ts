import { portableTaskId } from '../../../src/domain/ids.ts'
import type { Json, JsonObject } from '../../../src/domain/json.ts'
import type { Mark } from './conversation.ts'

/** Limits how often a step happens; then the script goes on with the next. Absent: always. */
interface Repeated {
  readonly times?: number
}

/** A tool call of the model, named by what it does; a claude and a codex are asked with the tools that they have. */
export type ToolStep =
  /** A file's whole content; the path is relative to the agent's folder. */
  | { readonly write: { readonly path: string; readonly content: string } }
  /** Whole lines, each there once. */
  | { readonly edit: { readonly path: string; readonly old: string; readonly new: string } }
  | { readonly read: string }
  /** A shell's command line. */
  | { readonly run: string }
  /** A tool by its own name, for one agent. */
  | { readonly tool: { readonly name: string; readonly input: JsonObject } }

/** What the model does instead of answering. */
export type TroubleStep =
  /** Never answers. */
  | ({ readonly hang: true } & Repeated)
  /** An HTTP answer; an error body of the provider's form unless one is given. */
  | ({
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: Json
    } & Repeated)
  /** The form in which a provider says that a subscription is used up, and until when (seconds since 1970). */
  | ({ readonly usageLimit: { readonly resetsAt?: number } } & Repeated)
  /** The answer begins, then its connection breaks. */
  | ({ readonly cut: true } & Repeated)

/** One step of a turn. */
export type Step =
  | ToolStep
  | TroubleStep
  /** Text; it ends the turn where it is the last step. */
  | { readonly say: string }
  /** Ends the turn with a text and the fenced JSON report; what is not given is filled in: completed, task and turn of the mark. */
  | { readonly report: JsonObject }
  /** Ends the turn with a fenced JSON block. */
  | { readonly json: Json }
  /** Answers no further before the test releases this name. */
  | { readonly hold: string }
  /** Waits, ms. */
  | { readonly slow: number }
  /** Tokens of this answer, instead of the server's own number. */
  | { readonly usage: ModelUsage }
  /** Whether a user text of this turn, after its first prompt and before what follows this step, contains a text. */
  | { readonly ifSaid: string; readonly do: readonly Step[]; readonly else?: readonly Step[] }

/** Tokens of one answer. */
export interface ModelUsage {
  readonly input: number
  readonly output: number
  /** Of a provider's cache; counted beside `input` by Anthropic, within it by OpenAI. This is beside. */
  readonly cached?: number
}

/** Turns by task: `spec/2` is attempt 2 of spec, `execute[0]` an item, `execute` any item, `*` any task. */
export type Script = Readonly<Record<string, readonly (readonly Step[])[]>>

const NOTHING_SAID: readonly Step[] = [{ report: {} }]

/** The steps of a turn. A turn past the last that is written ends with a plain report. `{{task}}`, `{{attempt}}`, `{{turn}}`, `{{run}}` are filled in. */
export function stepsOf(script: Script, { key, turn }: Mark): readonly Step[] {
  const base = key.task.replace(/\[.*$/, '')
  const names = [key.task, base].flatMap((task) => [`${task}/${key.attempt}`, task])
  const turns = [...names, `*/${key.attempt}`, '*'].map((name) => script[name]).find((found) => found !== undefined)
  const words: Readonly<Record<string, string>> = {
    run: key.run,
    task: portableTaskId(key.task),
    attempt: String(key.attempt),
    turn: String(turn),
  }
  const fill = (text: string) => text.replace(/\{\{(run|task|attempt|turn)\}\}/g, (all, word) => words[word] ?? all)
  return JSON.parse(JSON.stringify(turns?.[turn - 1] ?? NOTHING_SAID), (_, value) =>
    typeof value === 'string' ? fill(value) : value,
  )
}
