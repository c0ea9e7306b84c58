/**
 * A server on loopback that plays the model for real agents: Anthropic's Messages for claude, OpenAI's Responses for codex. What it
 * answers is a script; how far a turn has come is read from the conversation that each request carries (the ids of its tool calls name
 * the script's steps), so the server may be restarted and an agent killed in between. In a test:
 *
 *     const model = await startModelServer({
 *       spec: [                                                   // task `spec`, any attempt; `spec/2`: its attempt 2; `*`: any other task
 *         [{ write: { path: 'a.txt', content: 'one\n' } }, { run: 'npm test' }, { say: 'Well.' }, { report: { result: 'x' } }],   // turn 1
 *         [{ hold: 'before' }, { edit: { path: 'a.txt', old: 'one', new: 'two' } }, { report: {} }],                              // turn 2
 *       ],
 *     })
 *     ... ANTHROPIC_BASE_URL=model.url; codex: base_url = `${model.url}/v1` ...
 *     await model.held('before'); model.release('before')
 *     await model.until((request) => request.mark.endsWith('/spec/1/2') && request.outcome === 'ended')
 *     await model.close()
 *
 * The turn is the one of troupe's mark in the last prompt that has one. Steps are described in script.ts; a turn that is not written
 * ends with a plain report. Tool calls go one an answer, with the texts before them. As a program: see main.ts.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { AgentKind, Conversation } from './conversation.ts'
import { Holds } from './holds.ts'
import { planAnswer, type Troubles } from './plan-answer.ts'
import { type Body, readMessages, readResponses } from './read-request.ts'
import { type ModelRequest, Requests, type Settle } from './requests.ts'
import type { ModelUsage, Script, TroubleStep } from './script.ts'
import { sideAnswer } from './side-answer.ts'
import { type AnswerHead, type AnswerWriter, type ErrorAnswer, errorAnswer, sendJson } from './write-answer.ts'
import { MessagesWriter, messagesError, messagesUsageLimit } from './write-messages.ts'
import { ResponsesWriter, responsesError, responsesUsageLimit } from './write-responses.ts'

/** The number of tokens that an answer says it used, where its script says nothing. */
const USAGE: ModelUsage = { input: 100, output: 20 }

export interface ModelServerOptions {
  /** A free one when it is 0 or absent. */
  readonly port?: number
  readonly usage?: ModelUsage
}

/** A model that plays a script. */
export interface ModelServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** The last requests, side requests among them. */
  readonly requests: readonly ModelRequest[]
  until(condition: (request: ModelRequest) => boolean): Promise<ModelRequest>
  /** Resolves once answers have waited at `{ hold: name }` so often. */
  held(name: string, times?: number): Promise<void>
  release(name: string): void
  /** Another script, from the next request on. */
  play(script: Script): void
  close(): Promise<void>
}

/** Starts a model that plays a script. */
export async function startModelServer(script: Script, options: ModelServerOptions = {}): Promise<ModelServer> {
  const model = new ScriptedModel(script, options.usage ?? USAGE)
  const server = createServer((request, response) => void model.serve(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests: model.requests.all,
    until: (condition) => model.requests.until(condition),
    held: (name, times) => model.holds.held(name, times),
    release: (name) => model.holds.release(name),
    play: (next) => {
      model.script = next
    },
    close: () => closed(server),
  }
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

interface Provider {
  read(body: Body): Conversation
  writer(response: ServerResponse, head: AnswerHead): AnswerWriter
  readonly errors: { error(status: number): Body; usageLimit(resetsAt: number): ErrorAnswer }
}

const PROVIDERS: Readonly<Record<AgentKind, Provider>> = {
  claude: {
    read: readMessages,
    writer: (response, head) => new MessagesWriter(response, head),
    errors: { error: messagesError, usageLimit: messagesUsageLimit },
  },
  codex: {
    read: readResponses,
    writer: (response, head) => new ResponsesWriter(response, head),
    errors: { error: responsesError, usageLimit: responsesUsageLimit },
  },
}

class ScriptedModel {
  readonly requests = new Requests()
  readonly holds = new Holds()
  script: Script
  readonly #usage: ModelUsage
  readonly #troubles: Troubles = new Map()
  #answers = 0

  constructor(script: Script, usage: ModelUsage) {
    this.script = script
    this.#usage = usage
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined)
    try {
      const path = new URL(request.url ?? '/', 'http://model').pathname
      const text = await bodyOf(request)
      if (request.method === 'POST' && path.endsWith('/messages')) await this.#answer(PROVIDERS.claude, text, response)
      else if (request.method === 'POST' && path.endsWith('/responses'))
        await this.#answer(PROVIDERS.codex, text, response)
      else if (path.endsWith('/count_tokens')) sendJson(response, 200, { input_tokens: this.#usage.input })
      else if (path.endsWith('/models'))
        sendJson(response, 200, { object: 'list', data: [], models: [], has_more: false })
      else if (request.method === 'HEAD') response.end()
      else sendJson(response, 404, { error: { type: 'not_found_error', message: `Nothing is at ${path}.` } })
    } catch (error) {
      // An agent that went away in the middle of its request.
      response.destroy(error instanceof Error ? error : undefined)
    }
  }

  async #answer(provider: Provider, text: string, response: ServerResponse): Promise<void> {
    const asked = provider.read(JSON.parse(text))
    const settle = this.requests.add(asked)
    const gone = new AbortController()
    response.on('close', () => {
      settle('left')
      gone.abort()
    })
    const {
      acts,
      ends,
      usage = this.#usage,
    } = asked.side
      ? { acts: [{ act: 'text', text: sideAnswer(asked) }] as const, ends: false }
      : planAnswer(this.script, asked, this.#troubles)
    const { model, stream } = asked
    const writer = provider.writer(response, { id: String(++this.#answers), model, stream, usage })
    const failure = acts.map((act) => (act.act === 'trouble' ? errorAnswer(act.trouble, provider.errors) : undefined))
    const failed = failure.find((found) => found !== undefined)
    for (const act of acts) {
      if (act.act === 'trouble') return carryOut(act.trouble, failed, response, settle, writer)
      // Of an answer that is an error nothing was sent before.
      if (act.act === 'text' && !failed) writer.text(act.text)
      if (act.act === 'call') writer.call(act.id, act)
      if (act.act === 'hold') await this.holds.reach(act.name, gone.signal)
      if (act.act === 'slow') await pause(act.ms, undefined, { signal: gone.signal, ref: false }).catch(() => undefined)
      if (gone.signal.aborted) return
    }
    settle(ends ? 'ended' : 'answered')
    writer.end()
  }
}

function carryOut(
  trouble: TroubleStep,
  failed: ErrorAnswer | undefined,
  response: ServerResponse,
  settle: Settle,
  writer: AnswerWriter,
): void {
  if (failed !== undefined) {
    settle(failed.status)
    sendJson(response, failed.status, failed.body, failed.headers)
  } else if ('cut' in trouble) {
    settle('cut')
    writer.begin()
    // What was written must leave before its connection breaks.
    response.write('', () => response.destroy())
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
