import { createHash, randomUUID } from 'node:crypto'
import type { Json, JsonObject } from '../../../src/domain/json.ts'
import { type Conversation, formatMarkOf, type Said, type Turn, turnOf } from './conversation.ts'
import { type ModelUsage, type Script, type Step, stepsOf, type ToolStep, type TroubleStep } from './script.ts'
import { type MadeCall, nextCall, type ToolCall } from './tool-calls.ts'

/** What the server does, in order, to answer one request. */
export type Act =
  | { readonly act: 'text'; readonly text: string }
  | ({ readonly act: 'call'; readonly id: string } & ToolCall)
  | { readonly act: 'hold'; readonly name: string }
  | { readonly act: 'slow'; readonly ms: number }
  | { readonly act: 'trouble'; readonly trouble: TroubleStep }

/** The answer to one request. */
export interface Answer {
  readonly acts: readonly Act[]
  readonly usage?: ModelUsage
  /** The turn ends with it. */
  readonly ends: boolean
}

/** How often a trouble has happened so far; the one thing that a conversation does not tell. */
export type Troubles = Map<string, number>

/** What the script says comes next, by what the conversation says was done. */
export function planAnswer(script: Script, asked: Conversation, troubles: Troubles): Answer {
  const turn = turnOf(asked)
  return new Walk(turn, asked, troubles).answer(stepsOf(script, turn.mark))
}

class Walk {
  readonly #turn: Turn
  readonly #asked: Conversation
  readonly #troubles: Troubles
  readonly #acts: Act[] = []
  #usage: ModelUsage | undefined
  #ended = false

  constructor(turn: Turn, asked: Conversation, troubles: Troubles) {
    this.#turn = turn
    this.#asked = asked
    this.#troubles = troubles
  }

  answer(steps: readonly Step[]): Answer {
    const open = this.#walk(steps, '', this.#turn.said.length)
    const silent = !this.#acts.some(({ act }) => act === 'text' || act === 'call' || act === 'trouble')
    if (open && silent) this.#acts.push({ act: 'text', text: 'Done.' })
    const usage = this.#usage === undefined ? {} : { usage: this.#usage }
    return { acts: this.#acts, ends: open || this.#ended, ...usage }
  }

  /** Whether it came to the end of these steps. */
  #walk(steps: readonly Step[], above: string, until: number): boolean {
    const firstCalls = steps.map((_, at) => this.#firstCall(`${above}${at}`))
    // Everything before the last step that was begun is over: also what leaves no trace in a conversation.
    const begun = firstCalls.findLastIndex((found) => found !== undefined)
    for (const [at, step] of steps.entries()) {
      if (at < begun) continue
      const path = `${above}${at}`
      if ('ifSaid' in step) {
        // What was said once its branch was begun no longer changes it.
        const before = firstCalls[at] ?? until
        const branch = this.#wasSaid(step.ifSaid, before) ? step.do : (step.else ?? [])
        if (!this.#walk(branch, `${path}.`, before)) return false
      } else if (!this.#step(step, path)) return false
    }
    return true
  }

  /** Whether the next step belongs to the same answer. */
  #step(step: Exclude<Step, { ifSaid: string }>, path: string): boolean {
    if ('say' in step) this.#acts.push({ act: 'text', text: step.say })
    else if ('slow' in step) this.#acts.push({ act: 'slow', ms: step.slow })
    else if ('hold' in step) this.#acts.push({ act: 'hold', name: step.hold })
    else if ('usage' in step) this.#usage = step.usage
    else if ('report' in step) return this.#end(fenced(this.#report(step.report)))
    else if ('json' in step) return this.#end(fenced(step.json))
    else if (isTrouble(step)) return !this.#trouble(step, path)
    else return !this.#call(step, path)
    return true
  }

  #end(text: string): boolean {
    this.#acts.push({ act: 'text', text })
    this.#ended = true
    return false
  }

  #report(given: JsonObject): Json {
    const { key, turn } = this.#turn.mark
    return { status: 'completed', task_id: key.task, turn, result: {}, metrics: {}, ...given }
  }

  #trouble(trouble: TroubleStep, path: string): boolean {
    const name = `${formatMarkOf(this.#turn.mark)}/${path}`
    const times = this.#troubles.get(name) ?? 0
    if (times >= (trouble.times ?? Number.POSITIVE_INFINITY)) return false
    this.#troubles.set(name, times + 1)
    this.#acts.push({ act: 'trouble', trouble })
    return true
  }

  #call(step: ToolStep, path: string): boolean {
    const made = this.#made(path)
    const call = nextCall(step, made, this.#asked)
    if (call === undefined) return false
    // Never the same id twice: claude forgets a call that was interrupted, and its session file does not.
    this.#acts.push({ act: 'call', id: `${this.#prefix(path)}${randomUUID().slice(0, 8)}`, ...call })
    return true
  }

  /** The ids of a step's calls tell it apart from every other, in whatever process a conversation goes on. */
  #prefix(path: string): string {
    const hash = createHash('sha256').update(formatMarkOf(this.#turn.mark)).digest('hex').slice(0, 10)
    return `call_${hash}_${path.replaceAll('.', '-')}_n`
  }

  /** The calls of a step that came to an end, in order; one that was interrupted is made again. */
  #made(path: string): MadeCall[] {
    const prefix = this.#prefix(path)
    return this.#turn.said.flatMap((part, at) => {
      if (part.kind !== 'result' || !part.id.startsWith(prefix) || isInterruption(part.text)) return []
      const after = this.#turn.said[at + 1]
      // Claude's result of a call that was cut short reads as one that somebody rejected; what follows tells.
      if (after?.kind === 'user' && after.text.startsWith('[Request interrupted by user')) return []
      const call = this.#turn.said.find((other) => other.kind === 'call' && other.id === part.id)
      return [{ name: call?.kind === 'call' ? call.name : '', result: part.text, failed: part.failed }]
    })
  }

  /** Where the first call of a step, or of one within it, is in the turn. */
  #firstCall(path: string): number | undefined {
    const [prefix, within] = [this.#prefix(path), this.#prefix(`${path}.`).replace(/_n$/, '')]
    const at = this.#turn.said.findIndex(
      (part) => part.kind === 'call' && (part.id.startsWith(prefix) || part.id.startsWith(within)),
    )
    return at < 0 ? undefined : at
  }

  #wasSaid(text: string, before: number): boolean {
    return userTexts(this.#turn.said.slice(1, before)).some((said) => said.includes(text))
  }
}

/** What was said beside the first prompt. */
function userTexts(said: readonly Said[]): string[] {
  return said.flatMap((part) => (part.kind === 'user' ? [part.text] : []))
}

function isTrouble(step: Step): step is TroubleStep {
  return 'hang' in step || 'status' in step || 'usageLimit' in step || 'cut' in step
}

/** What agents put in the place of a result that never came. */
function isInterruption(text: string): boolean {
  const own = text.trim().replace(/^Wall time: [^\n]*\n/, '')
  return /^(aborted|\[?(request|tool use|tool call) interrupted|\[tool result missing|interrupted)/i.test(own)
}

function fenced(value: Json): string {
  return `Here is my report.\n\n\`\`\`json\n${JSON.stringify(value)}\n\`\`\``
}
