import type { ServerResponse } from 'node:http'
import type { JsonObject } from '../../../src/domain/json.ts'
import type { ModelUsage } from './script.ts'
import type { ToolCall } from './tool-calls.ts'
import { type AnswerHead, type AnswerWriter, type ErrorAnswer, EventStream, sendJson } from './write-answer.ts'

const ERRORS: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

/** An error of Anthropic's. */
export function messagesError(status: number): JsonObject {
  const type = ERRORS[status] ?? 'api_error'
  return { type: 'error', error: { type, message: `Scripted ${type} (${status}).` }, request_id: 'req_scripted' }
}

/** A subscription that is used up: the status and headers by which Claude Code knows it. */
export function messagesUsageLimit(resetsAt: number): ErrorAnswer {
  const headers = {
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-reset': String(resetsAt),
    'anthropic-ratelimit-unified-representative-claim': 'five_hour',
    'anthropic-ratelimit-unified-overage-status': 'rejected',
    'anthropic-ratelimit-unified-overage-disabled-reason': 'org_level_disabled',
    'x-should-retry': 'false',
  }
  return { status: 429, headers, body: messagesError(429) }
}

/** Writes an answer of Anthropic's Messages, streamed or whole. */
export class MessagesWriter implements AnswerWriter {
  readonly #response: ServerResponse
  readonly #events: EventStream | undefined
  readonly #head: JsonObject
  readonly #usage: ModelUsage
  readonly #content: JsonObject[] = []
  #begun = false

  constructor(response: ServerResponse, { id, model, stream, usage }: AnswerHead) {
    this.#response = response
    this.#events = stream ? new EventStream(response) : undefined
    this.#head = { id: `msg_${id}`, type: 'message', role: 'assistant', model }
    this.#usage = usage
  }

  begin(): void {
    if (this.#begun) return
    this.#begun = true
    const usage = counts(this.#usage, 1)
    const message = { ...this.#head, content: [], stop_reason: null, stop_sequence: null, usage }
    this.#events?.send('message_start', { message })
  }

  text(text: string): void {
    this.#block({ type: 'text', text }, { type: 'text', text: '' }, { type: 'text_delta', text })
  }

  call(id: string, { name, input }: ToolCall): void {
    const block = { type: 'tool_use', id, name, input: typeof input === 'string' ? {} : input }
    const delta = { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
    this.#block(block, { ...block, input: {} }, delta)
  }

  end(): void {
    this.begin()
    const usage = this.#usage
    const reason = this.#content.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn'
    if (this.#events === undefined) {
      const end = { stop_reason: reason, stop_sequence: null, usage: counts(usage, usage.output) }
      sendJson(this.#response, 200, { ...this.#head, content: this.#content, ...end })
      return
    }
    this.#events.send('message_delta', {
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: usage.output },
    })
    this.#events.send('message_stop', {})
    this.#events.end()
  }

  #block(whole: JsonObject, start: JsonObject, delta: JsonObject): void {
    this.begin()
    const index = this.#content.push(whole) - 1
    this.#events?.send('content_block_start', { index, content_block: start })
    this.#events?.send('content_block_delta', { index, delta })
    this.#events?.send('content_block_stop', { index })
  }
}

function counts({ input, cached = 0 }: ModelUsage, output: number): JsonObject {
  return {
    input_tokens: input,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: output,
    service_tier: 'standard',
  }
}
