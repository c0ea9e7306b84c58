import type { Clock } from '../../domain/clock.ts'
import type { Observation } from '../local/conversation.ts'
import { observed, oneLine, sessionId } from './bounds.ts'
import { codexFailure } from './codex-failure.ts'
import { asAmount, asList, asObject, asText, objectOf } from './json-line.ts'
import { limitEnd } from './limit-end.ts'
import type { LineReader, TurnFact } from './turn-fact.ts'

type Line = Readonly<Record<string, unknown>>

/** Without a network it goes on for ever, with longer and longer pauses: after this many, some 15 s, it is ended. */
const MOST_WAITS = 3

/** Reads what `codex exec --json` prints in one turn. */
export function codexReader(clock: Clock): LineReader {
  let waits = 0
  return (line) => {
    const said = objectOf(line)
    const isWait = said?.['type'] === 'error' && /waiting for network/i.test(asText(said['message']) ?? '')
    waits = isWait ? waits + 1 : 0
    switch (said?.['type']) {
      case 'thread.started':
        return sessionIn(said)
      case 'error':
        return trouble(asText(said['message']) ?? '', clock.now(), waits >= MOST_WAITS)
      case 'item.started':
        return item(asObject(said['item']) ?? {}, 'started')
      case 'item.completed':
        return item(asObject(said['item']) ?? {}, 'completed')
      case 'turn.completed':
        return [...usageIn(asObject(said['usage'])), { kind: 'end', reason: 'turn.completed' }]
      case 'turn.failed': {
        const failure = codexFailure(asText(asObject(said['error'])?.['message']) ?? '', clock.now())
        return [
          { kind: 'failure', failure, endsIt: false },
          { kind: 'end', reason: 'turn.failed' },
        ]
      }
      default:
        return []
    }
  }
}

function sessionIn(said: Line): readonly TurnFact[] {
  const id = sessionId(said['thread_id'])
  return id === undefined ? [] : [{ kind: 'session', id }]
}

/** A call that failed. What is tried again says so; for what is not, the turn's failure follows. */
function trouble(message: string, now: number, isEnough: boolean): readonly TurnFact[] {
  const failure = codexFailure(message, now)
  const until = limitEnd(message, now)
  const observation: Observation =
    failure.kind === 'limit'
      ? { kind: 'limit', message: oneLine(message), ...(until === undefined ? {} : { until }) }
      : { kind: 'note', text: oneLine(message) }
  const saw: TurnFact = { kind: 'saw', observation }
  // A key does not become right by waiting.
  return failure.kind === 'auth' || isEnough ? [saw, { kind: 'failure', failure, endsIt: true }] : [saw]
}

function item(said: Line, at: 'started' | 'completed'): readonly TurnFact[] {
  const text = asText(said['text'])
  switch (said['type']) {
    case 'agent_message':
      if (text === undefined) return []
      return [saw({ kind: 'text', text: observed(text) }), { kind: 'text', text, replaces: true }]
    case 'reasoning':
      return text === undefined ? [] : [saw({ kind: 'thought', text: observed(text) })]
    // A warning, such as that a model is not known; no failure.
    case 'error':
      return [saw({ kind: 'note', text: oneLine(asText(said['message']) ?? 'an error without words') })]
    default:
      return tool(said, at)
  }
}

function tool(said: Line, at: 'started' | 'completed'): readonly TurnFact[] {
  const title = titleOf(said)
  if (title === undefined) return []
  const id = observed(asText(said['id']) ?? '')
  const declined = said['status'] === 'declined'
  const status = declined || said['status'] === 'failed' ? 'failed' : at
  const seen = saw({ kind: 'tool', id, title, status })
  return declined ? [seen, saw({ kind: 'denied', what: oneLine(title) })] : [seen]
}

function titleOf(said: Line): string | undefined {
  switch (said['type']) {
    case 'command_execution':
      return observed(asText(said['command']) ?? 'a command')
    case 'file_change': {
      const changes = asList(said['changes']).map((change) => asText(asObject(change)?.['path']) ?? 'a file')
      return observed(`changes ${changes.slice(0, 10).join(', ')}`)
    }
    case 'mcp_tool_call':
      return observed(`${asText(said['server']) ?? 'mcp'}: ${asText(said['tool']) ?? 'a tool'}`)
    case 'web_search':
      return observed(`searches: ${asText(said['query']) ?? ''}`)
    default:
      return undefined
  }
}

function saw(observation: Observation): TurnFact {
  return { kind: 'saw', observation }
}

/** Counted over the whole thread. What is read from a cache is part of the input already, reasoning of the output. */
function usageIn(usage: Line | undefined): readonly TurnFact[] {
  const counts = [asAmount(usage?.['input_tokens']), asAmount(usage?.['output_tokens'])]
  const known = counts.filter((count) => count !== undefined)
  return known.length > 0 ? [{ kind: 'usage', of: 'session', tokens: known.reduce((a, b) => a + b, 0) }] : []
}
