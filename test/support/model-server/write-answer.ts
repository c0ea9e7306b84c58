import type { ServerResponse } from 'node:http'
import type { Json, JsonObject } from '../../../src/domain/json.ts'
import type { ModelUsage, TroubleStep } from './script.ts'
import type { ToolCall } from './tool-calls.ts'

/** How an answer is put into a provider's form. */
export interface AnswerWriter {
  /** The head of a streamed answer; nothing for one that is not streamed. What follows it sends it where it was not sent. */
  begin(): void
  text(text: string): void
  call(id: string, call: ToolCall): void
  end(): void
}

/** What an answer is made of beside its content. */
export interface AnswerHead {
  readonly id: string
  readonly model: string
  readonly stream: boolean
  readonly usage: ModelUsage
}

/** Server-sent events as both providers send them. */
export class EventStream {
  readonly #response: ServerResponse
  #begun = false

  constructor(response: ServerResponse) {
    this.#response = response
  }

  send(type: string, data: JsonObject): void {
    if (!this.#begun)
      this.#response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    this.#begun = true
    this.#response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
  }

  end(): void {
    this.#response.end()
  }
}

/** Sends a value as the whole answer. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: Json,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** An answer that is an error; undefined for a trouble that has no answer. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

/** The answer of a trouble in a provider's form. */
export function errorAnswer(
  trouble: TroubleStep,
  own: { error(status: number): Json; usageLimit(resetsAt: number): ErrorAnswer },
): ErrorAnswer | undefined {
  if ('usageLimit' in trouble) return own.usageLimit(trouble.usageLimit.resetsAt ?? 4_102_444_800)
  if (!('status' in trouble)) return undefined
  const { status, headers = {}, body = own.error(status) } = trouble
  return { status, headers, body }
}
