import type { Json, JsonObject } from '../../../src/domain/json.ts'
import type { Conversation, Said } from './conversation.ts'

/** A request's body as it came; what it has is looked for, what it lacks is no mistake. */
export type Body = JsonObject

/** Reads a request of Anthropic's Messages. */
export function readMessages(body: Body): Conversation {
  const tools = list(body['tools']).map((tool) => textOf(tool, 'name'))
  const system =
    typeof body['system'] === 'string' ? [body['system']] : list(body['system']).map((part) => textOf(part, 'text'))
  const said = list(body['messages']).flatMap(saidInMessage)
  const texts = [...system, ...said.map((part) => (part.kind === 'user' ? part.text : ''))]
  const schema = field(field(field(body, 'output_config'), 'format'), 'schema')
  return {
    agent: 'claude',
    model: textOf(body, 'model'),
    stream: body['stream'] === true,
    side: tools.length === 0,
    ...(schema === undefined ? {} : { schema }),
    tools: new Set(tools),
    cwd: found(texts, /[Ww]orking directory: (.+)/),
    images: partsOf(body['messages'], 'image'),
    said,
  }
}

/** Reads a request of OpenAI's Responses. */
export function readResponses(body: Body): Conversation {
  const tools = list(body['tools']).map((tool) => textOf(tool, 'name') || textOf(tool, 'type'))
  const input =
    typeof body['input'] === 'string'
      ? [{ type: 'message', role: 'user', content: body['input'] }]
      : list(body['input'])
  const said = input.flatMap(saidInItem)
  const metadata = textOf(field(body, 'client_metadata'), 'x-codex-turn-metadata')
  const asks = /"request_kind":"([^"]+)"/.exec(metadata)?.[1] ?? 'turn'
  const schema = field(field(field(body, 'text'), 'format'), 'schema')
  return {
    agent: 'codex',
    model: textOf(body, 'model'),
    stream: body['stream'] === true,
    side: tools.length === 0 || asks !== 'turn',
    ...(schema === undefined ? {} : { schema }),
    tools: new Set(tools),
    cwd: found(
      said.map((part) => (part.kind === 'user' ? part.text : '')),
      /<cwd>(.+?)<\/cwd>/,
    ),
    images: partsOf(body['input'], 'input_image'),
    said,
  }
}

/** How many parts of a type messages have. */
function partsOf(messages: Json | undefined, type: string): number {
  return list(messages)
    .flatMap((message) => list(field(message, 'content')))
    .filter((part) => textOf(part, 'type') === type).length
}

function saidInMessage(message: Json): Said[] {
  const content = field(message, 'content')
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : list(content)
  const role = textOf(message, 'role')
  const kind = role === 'assistant' ? ('model' as const) : ('user' as const)
  return parts.flatMap((part): Said[] => {
    const type = textOf(part, 'type')
    // claude passes on what its user said meanwhile as a message of the system, beside much else that it tells the model.
    if (role === 'system' && !textOf(part, 'text').startsWith('The user sent a new message')) return []
    if (type === 'text') return [{ kind, text: textOf(part, 'text') }]
    if (type === 'tool_use') return [{ kind: 'call', id: textOf(part, 'id'), name: textOf(part, 'name') }]
    if (type !== 'tool_result') return []
    const text = plainText(field(part, 'content'))
    return [{ kind: 'result', id: textOf(part, 'tool_use_id'), text, failed: field(part, 'is_error') === true }]
  })
}

function saidInItem(item: Json): Said[] {
  const type = textOf(item, 'type') || 'message'
  if (type === 'message') {
    const kind = textOf(item, 'role') === 'assistant' ? ('model' as const) : ('user' as const)
    const content = field(item, 'content')
    const texts = typeof content === 'string' ? [content] : list(content).map((part) => textOf(part, 'text'))
    return texts.map((text) => ({ kind, text }))
  }
  const id = textOf(item, 'call_id')
  if (type === 'function_call' || type === 'custom_tool_call') return [{ kind: 'call', id, name: textOf(item, 'name') }]
  if (type !== 'function_call_output' && type !== 'custom_tool_call_output') return []
  const text = plainText(field(item, 'output'))
  const code = /(?:[Ee]xit(?:ed with)? code:?|"exit_code":) ?(\d+)/.exec(text)?.[1]
  return [{ kind: 'result', id, text, failed: code !== undefined && code !== '0' }]
}

function plainText(content: Json | undefined): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((part) => textOf(part, 'text'))
    .join('\n')
}

function found(texts: readonly string[], pattern: RegExp): string | undefined {
  return texts.map((text) => pattern.exec(text)?.[1]).find((match) => match !== undefined)
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function field(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject)[name] : undefined
}

function textOf(value: Json | undefined, name: string): string {
  const text = field(value, name)
  return typeof text === 'string' ? text : ''
}
