import type { EndFailure } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { observed, oneLine, sessionId } from './bounds.ts'
import { ClaudeLimits, claudeFailure } from './claude-failure.ts'
import { asAmount, asList, asObject, asText, objectOf } from './json-line.ts'
import type { LineReader, TurnFact } from './turn-fact.ts'

type Line = Readonly<Record<string, unknown>>

/** Reads what `claude -p --output-format stream-json` prints in one turn. */
export function claudeReader(clock: Clock): LineReader {
  const reader = new ClaudeReader(clock)
  return (line) => reader.read(line)
}

class ClaudeReader {
  readonly #limits: ClaudeLimits
  readonly #tools = new Map<string, string>()
  /** What the agent itself calls the trouble of its last message. */
  #trouble: string | undefined
  #answers = 0
  #ended = false

  constructor(clock: Clock) {
    this.#limits = new ClaudeLimits(clock)
  }

  read(line: string): readonly TurnFact[] {
    const said = objectOf(line)
    switch (said?.['type']) {
      case 'system':
        return this.#system(said)
      case 'assistant':
        return this.#message(said)
      case 'user':
        return this.#toolResults(said)
      case 'rate_limit_event':
        return this.#limits.event(asObject(said['rate_limit_info']))
      case 'result':
        return this.#result(said)
      default:
        return []
    }
  }

  #system(said: Line): readonly TurnFact[] {
    if (said['subtype'] === 'api_retry') return this.#limits.retry(said)
    if (said['subtype'] !== 'init') return []
    // What was told too late for the turn that ended is answered in a further one, by the same process.
    const goesOn: readonly TurnFact[] = this.#ended ? [{ kind: 'goes-on' }] : []
    this.#ended = false
    const id = sessionId(said['session_id'])
    return id === undefined ? goesOn : [...goesOn, { kind: 'session', id }]
  }

  #message(said: Line): readonly TurnFact[] {
    this.#trouble = asText(said['error'])
    const ofSubagent = typeof said['parent_tool_use_id'] === 'string'
    const content = asList(asObject(said['message'])?.['content'])
    return content.flatMap((item) => this.#part(asObject(item) ?? {}, ofSubagent))
  }

  #part(part: Line, ofSubagent: boolean): readonly TurnFact[] {
    const text = asText(part['text'])
    if (part['type'] === 'text' && text !== undefined) {
      // A message about trouble is the program's own.
      const kind = this.#trouble === undefined ? 'text' : 'note'
      const saw: TurnFact = { kind: 'saw', observation: { kind, text: observed(text) } }
      // Until there is a result, the last message is what it said.
      const counts = this.#answers === 0 && !ofSubagent && kind === 'text'
      return counts ? [saw, { kind: 'text', text, replaces: true }] : [saw]
    }
    const thought = asText(part['thinking'])
    if (thought !== undefined) return [{ kind: 'saw', observation: { kind: 'thought', text: observed(thought) } }]
    if (part['type'] !== 'tool_use') return []
    const id = observed(asText(part['id']) ?? '')
    const title = titleOf(asText(part['name']) ?? 'a tool', asObject(part['input']) ?? {})
    if (this.#tools.size < 10_000) this.#tools.set(id, title)
    return [{ kind: 'saw', observation: { kind: 'tool', id, title, status: 'started' } }]
  }

  #toolResults(said: Line): readonly TurnFact[] {
    const content = asList(asObject(said['message'])?.['content'])
    return content.flatMap((item): readonly TurnFact[] => {
      const result = asObject(item)
      if (result?.['type'] !== 'tool_result') return []
      const id = observed(asText(result['tool_use_id']) ?? '')
      const title = this.#tools.get(id) ?? 'a tool'
      this.#tools.delete(id)
      const status = result['is_error'] === true ? 'failed' : 'completed'
      return [{ kind: 'saw', observation: { kind: 'tool', id, title, status } }]
    })
  }

  #result(said: Line): readonly TurnFact[] {
    this.#ended = true
    const failed = said['is_error'] !== false
    const facts: TurnFact[] = [...deniedIn(said), ...usageIn(said)]
    if (failed) facts.push({ kind: 'failure', failure: this.#failure(said), endsIt: false })
    else {
      const text = asText(said['result']) ?? ''
      facts.push({ kind: 'text', text: this.#answers > 0 ? `\n\n${text}` : text, replaces: this.#answers === 0 })
      this.#answers += 1
    }
    facts.push({ kind: 'end', reason: observed(asText(said['subtype']) ?? 'ended') })
    return facts
  }

  #failure(said: Line): EndFailure {
    const errors = asList(said['errors']).filter((error) => typeof error === 'string')
    const message = asText(said['result']) ?? asText(errors.join('; ')) ?? asText(said['subtype']) ?? ''
    return claudeFailure({
      status: asAmount(said['api_error_status']),
      trouble: this.#trouble,
      subtype: asText(said['subtype']),
      message: oneLine(message),
      notBefore: this.#limits.until,
    })
  }
}

/** What a tool is used for, in a few words: its name, and the first thing in its input that says what on. */
function titleOf(name: string, input: Line): string {
  const subject = ['command', 'file_path', 'notebook_path', 'pattern', 'url', 'query', 'description', 'path']
    .map((key) => asText(input[key]))
    .find((text) => text !== undefined)
  return observed(subject === undefined ? name : `${name}: ${subject}`)
}

function deniedIn(result: Line): readonly TurnFact[] {
  return asList(result['permission_denials']).flatMap((item): readonly TurnFact[] => {
    const denied = asObject(item)
    if (!denied) return []
    const what = titleOf(asText(denied['tool_name']) ?? 'a tool', asObject(denied['tool_input']) ?? {})
    return [{ kind: 'saw', observation: { kind: 'denied', what: oneLine(what) } }]
  })
}

/** All of its models' tokens since the process began, which is the turn; those read from a cache count as well. */
function usageIn(result: Line): readonly TurnFact[] {
  const models = Object.values(asObject(result['modelUsage']) ?? {}).map((model) =>
    total(asObject(model), ['inputTokens', 'outputTokens', 'cacheReadInputTokens', 'cacheCreationInputTokens']),
  )
  const names = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens']
  const counts = models.length > 0 ? models : [total(asObject(result['usage']), names)]
  const known = counts.filter((count) => count !== undefined)
  const cost = asAmount(result['total_cost_usd'])
  const tokens = known.length > 0 ? known.reduce((a, b) => a + b, 0) : undefined
  if (tokens === undefined && cost === undefined) return []
  const said = { ...(tokens === undefined ? {} : { tokens }), ...(cost === undefined ? {} : { cost }) }
  return [{ kind: 'usage', of: 'turn', ...said }]
}

function total(counts: Line | undefined, names: readonly string[]): number | undefined {
  const known = names.map((name) => asAmount(counts?.[name])).filter((count) => count !== undefined)
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) : undefined
}
