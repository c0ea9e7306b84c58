import type { ServerResponse } from 'node:http'
import type { JsonObject } from '../../../src/domain/json.ts'
import type { ModelUsage } from './script.ts'
import type { ToolCall } from './tool-calls.ts'
import { type AnswerHead, type AnswerWriter, type ErrorAnswer, EventStream, sendJson } from './write-answer.ts'

const ERRORS: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'invalid_api_key',
  403: 'forbidden',
  404: 'not_found',
  429: 'rate_limit_exceeded',
}

/** An error of OpenAI's. */
export function responsesError(status: number): JsonObject {
  const code = ERRORS[status] ?? 'server_error'
  return { error: { message: `Scripted ${code} (${status}).`, type: code, code, param: null } }
}

/** A subscription that is used up: the body by which codex knows it. */
export function responsesUsageLimit(resetsAt: number): ErrorAnswer {
  const message = 'The usage limit has been reached'
  const error = { type: 'usage_limit_reached', message, plan_type: 'plus', resets_at: resetsAt }
  return { status: 429, headers: {}, body: { error } }
}

/** Writes an answer of OpenAI's Responses, streamed or whole. */
export class ResponsesWriter implements AnswerWriter {
  readonly #response: ServerResponse
  readonly #events: EventStream | undefined
  readonly #head: JsonObject
  readonly #usage: ModelUsage
  readonly #output: JsonObject[] = []
  #begun = false
  #number = 0

  constructor(response: ServerResponse, { id, model, stream, usage }: AnswerHead) {
    this.#response = response
    this.#events = stream ? new EventStream(response) : undefined
    this.#head = { id: `resp_${id}`, object: 'response', created_at: 0, model }
    this.#usage = usage
  }

  begin(): void {
    if (this.#begun) return
    this.#begun = true
    const response = { ...this.#head, status: 'in_progress', output: [] }
    this.#send('response.created', { response })
    this.#send('response.in_progress', { response })
  }

  text(text: string): void {
    this.begin()
    const index = this.#output.length
    const id = `${String(this.#head['id'])}_${index}`
    const item = { type: 'message', id, role: 'assistant', status: 'completed' }
    const content = [{ type: 'output_text', text, annotations: [] }]
    const place = { item_id: id, output_index: index, content_index: 0 }
    this.#send('response.output_item.added', {
      output_index: index,
      item: { ...item, status: 'in_progress', content: [] },
    })
    this.#send('response.content_part.added', { ...place, part: { type: 'output_text', text: '', annotations: [] } })
    this.#send('response.output_text.delta', { ...place, delta: text })
    this.#send('response.output_text.done', { ...place, text })
    this.#done({ ...item, content })
  }

  call(callId: string, { name, input }: ToolCall): void {
    this.begin()
    const own = { id: `${String(this.#head['id'])}_${this.#output.length}`, call_id: callId, name, status: 'completed' }
    const item: JsonObject =
      typeof input === 'string'
        ? { type: 'custom_tool_call', ...own, input }
        : { type: 'function_call', ...own, arguments: JSON.stringify(input) }
    this.#send('response.output_item.added', { output_index: this.#output.length, item })
    this.#done(item)
  }

  end(): void {
    this.begin()
    const { input, output, cached = 0 } = this.#usage
    const usage = {
      input_tokens: input + cached,
      input_tokens_details: { cached_tokens: cached },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + cached + output,
    }
    const response = { ...this.#head, status: 'completed', output: this.#output, usage }
    if (this.#events === undefined) {
      sendJson(this.#response, 200, response)
      return
    }
    this.#send('response.completed', { response })
    this.#events.end()
  }

  #done(item: JsonObject): void {
    const index = this.#output.push(item) - 1
    this.#send('response.output_item.done', { output_index: index, item })
  }

  #send(type: string, data: JsonObject): void {
    this.#events?.send(type, { sequence_number: this.#number++, ...data })
  }
}
