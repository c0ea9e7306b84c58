import type { Usage } from '../../domain/budget.ts'
import type { Observation } from '../local/conversation.ts'
import { listOf, numberOf, recordOf, textOf } from './json-parts.ts'
import type { ToolCalls } from './tool-calls.ts'

/** What its provider said about a limit last. */
export interface ToldLimit {
  /** It lets the agent wait. */
  readonly isRejected: boolean
  /** When it ends, ms since 1970. */
  readonly until?: number
}

/** The end of a message is where its report is. */
const MOST_TEXT = 4 * 1024 * 1024
const MOST_SEEN = 4_000

/** What an agent's updates tell of the turn under way. It decides nothing but what the agent said last. */
export class TurnRecord {
  readonly #calls: ToolCalls
  readonly #saw: (observation: Observation) => void
  #text = ''
  /** A tool was used since; what is said next is another message. */
  #isPast = false
  #tokens: number | undefined
  /** Dollars of the session, as told last, and at the end of the turn before. */
  #cost: number | undefined
  #costBefore = 0
  #limit: ToldLimit | undefined

  constructor(calls: ToolCalls, saw: (observation: Observation) => void) {
    this.#calls = calls
    this.#saw = saw
  }

  get text(): string {
    return cutFront(this.#text)
  }

  get limit(): ToldLimit | undefined {
    return this.#limit
  }

  begin(): void {
    this.#text = ''
    this.#isPast = false
    this.#tokens = undefined
    this.#limit = undefined
  }

  /** A prompt was answered: Claude and Codex tell what it used in the answer. */
  answered(answer: Readonly<Record<string, unknown>>): void {
    const tokens = tokensOf(recordOf(answer['usage']))
    if (tokens !== undefined) this.#tokens = (this.#tokens ?? 0) + tokens
    this.#isPast = true
  }

  /** What the turn used; what is not told is absent. */
  end(): Usage | undefined {
    // A new process may begin to count anew.
    const cost = this.#cost === undefined ? 0 : this.#cost - (this.#cost < this.#costBefore ? 0 : this.#costBefore)
    this.#costBefore = this.#cost ?? this.#costBefore
    const tokens = this.#tokens
    if (tokens === undefined && cost <= 0) return undefined
    return { ...(cost > 0 ? { cost } : {}), ...(tokens === undefined ? {} : { tokens }) }
  }

  /** One `session/update`. */
  take(update: Readonly<Record<string, unknown>>): void {
    switch (update['sessionUpdate']) {
      case 'agent_message_chunk':
        this.#said(contentText(update['content']))
        break
      case 'agent_thought_chunk':
        this.#see('thought', contentText(update['content']))
        break
      case 'tool_call':
      case 'tool_call_update':
        this.#tool(update)
        break
      case 'plan':
        this.#see('note', planText(update['entries']))
        break
      case 'current_mode_update':
        this.#see('note', `mode: ${textOf(update['currentModeId']) ?? 'unknown'}`)
        break
      case 'notice':
        this.#see('note', [textOf(update['title']), textOf(update['description'])].filter(Boolean).join(': '))
        break
      case 'session_info_update':
        this.#retried(recordOf(update['_meta']))
        break
      case 'compaction_update':
        this.#see('note', `compacts its memory: ${textOf(update['status']) ?? 'under way'}`)
        break
      case 'usage_update':
        this.#usage(update)
        break
    }
  }

  #said(text: string): void {
    if (text === '') return
    if (this.#isPast && text.trim() !== '') {
      this.#text = ''
      this.#isPast = false
    }
    this.#text += text
    if (this.#text.length > 2 * MOST_TEXT) this.#text = cutFront(this.#text)
    this.#see('text', text)
  }

  #see(kind: 'text' | 'thought' | 'note', text: string): void {
    if (text !== '') this.#saw({ kind, text: text.slice(0, MOST_SEEN) })
  }

  #tool(update: Readonly<Record<string, unknown>>): void {
    const { call, before } = this.#calls.note(update)
    if (before === undefined) this.#isPast = true
    const status = call.status === 'completed' || call.status === 'failed' ? call.status : undefined
    const told = { kind: 'tool', id: call.id.slice(0, 200), title: call.title || call.kind } as const
    // Claude gives its calls a name only when their input is there.
    const isNamed = before === undefined || (before.title !== call.title && before.status !== 'completed')
    if (isNamed && status === undefined) this.#saw({ ...told, status: 'started' })
    if (status !== undefined && before?.status !== status) this.#saw({ ...told, status })
  }

  /** Codex tells so that it tries again. */
  #retried(meta: Readonly<Record<string, unknown>>): void {
    const told = recordOf(recordOf(recordOf(meta['jetbrains'])['air'])['sessionFailure'])
    const title = textOf(told['title'])?.slice(0, MOST_SEEN)
    if (title === undefined || told['severity'] !== 'warning') return
    if (told['category'] === 'limit') this.#saw({ kind: 'limit', message: title })
    else this.#see('note', title)
  }

  #usage(update: Readonly<Record<string, unknown>>): void {
    const { amount, currency } = recordOf(update['cost'])
    if (currency === undefined || currency === 'USD') this.#cost = numberOf(amount) ?? this.#cost
    const limit = recordOf(recordOf(update['_meta'])['_claude/rateLimit'])
    const status = textOf(limit['status'])
    if (status === undefined) return
    const seconds = numberOf(limit['resetsAt'])
    const until = seconds === undefined ? {} : { until: seconds * 1_000 }
    const of = textOf(limit['rateLimitType'])?.replaceAll('_', ' ').slice(0, 40) ?? 'usage'
    this.#limit = { isRejected: status === 'rejected', ...until }
    if (status === 'rejected') this.#saw({ kind: 'limit', ...until, message: `its ${of} limit is reached` })
    else if (status === 'allowed_warning') this.#see('note', `its ${of} limit is nearly reached`)
  }
}

function contentText(content: unknown): string {
  return textOf(recordOf(content)['text']) ?? ''
}

function planText(entries: unknown): string {
  const lines = listOf(entries).slice(0, 50).map(recordOf)
  const texts = lines.map(({ status, content }) => `[${textOf(status) ?? 'pending'}] ${textOf(content) ?? ''}`)
  return texts.length === 0 ? '' : `plan: ${texts.join('; ')}`
}

function tokensOf(usage: Readonly<Record<string, unknown>>): number | undefined {
  const total = numberOf(usage['totalTokens'])
  if (total !== undefined) return total
  const parts = ['inputTokens', 'outputTokens', 'cachedReadTokens', 'cachedWriteTokens'].map((part) =>
    numberOf(usage[part]),
  )
  const told = parts.filter((part) => part !== undefined)
  return told.length === 0 ? undefined : told.reduce((sum, part) => sum + part, 0)
}

/** Without half a character at its front. */
function cutFront(text: string): string {
  return text.length <= MOST_TEXT ? text : text.slice(-MOST_TEXT).replace(/^[\udc00-\udfff]/, '')
}
