import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { methods, type PromptResponse, RequestError } from '@agentclientprotocol/sdk'
import type { Session } from './agent-memory.ts'
import { type ScriptedTool, type Step, stepsOf } from './script.ts'
import type { AgentHouse } from './scripted-agent.ts'

/** How the agent speaks to its client, also in words that the SDK's types do not have. */
export interface TurnClient {
  notify(method: string, params: unknown): Promise<void>
  request(method: string, params: unknown): Promise<unknown>
}

interface TurnOptions {
  readonly session: Session
  readonly cwd: string
  readonly client: TurnClient
  readonly house: AgentHouse
  keep(): void
}

const OPTIONS = [
  { optionId: 'always', name: 'Always', kind: 'allow_always' },
  { optionId: 'once', name: 'Yes', kind: 'allow_once' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
]

/** One turn of the scripted agent. */
export class ScriptedTurn {
  readonly #options: TurnOptions
  readonly #cancelled = new AbortController()
  #onSteer: (() => void) | undefined
  #stopReason = 'end_turn'
  #steered = 0
  #awaited = 0
  #usage: Readonly<Record<string, number>> | undefined
  #meta: Readonly<Record<string, unknown>> | undefined

  constructor(options: TurnOptions) {
    this.#options = options
  }

  steer(text: string): void {
    this.#options.session.steers.push(text)
    this.#options.keep()
    this.#steered++
    this.#onSteer?.()
  }

  cancel(): void {
    this.#cancelled.abort()
  }

  async play(prompt: string): Promise<PromptResponse> {
    await this.#playAll(stepsOf(prompt))
    const stopReason = this.#cancelled.signal.aborted ? 'cancelled' : this.#stopReason
    const meta = this.#meta && { _meta: this.#meta }
    return { stopReason, ...(this.#usage && { usage: this.#usage }), ...meta } as PromptResponse
  }

  async #playAll(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (this.#cancelled.signal.aborted) break
      if ('error' in step) throw new RequestError(step.error.code, step.error.message, step.error.data)
      if ('stop' in step) this.#stopReason = step.stop
      else await this.#do(step)
    }
  }

  async #do(step: Step): Promise<void> {
    if ('unless' in step && !existsSync(resolve(this.#options.cwd, step.unless))) await this.#playAll(step.do)
    const { house, session } = this.#options
    if ('say' in step) await this.#update('agent_message_chunk', { content: { type: 'text', text: step.say } })
    if ('think' in step) await this.#update('agent_thought_chunk', { content: { type: 'text', text: step.think } })
    if ('update' in step) await this.#send(step.update)
    if ('usage' in step) this.#usage = step.usage
    if ('meta' in step) this.#meta = step.meta
    if ('cost' in step) {
      await this.#update('usage_update', { used: 1, size: 2, cost: { amount: step.cost, currency: 'USD' } })
    }
    if ('recall' in step) {
      const { turns, steers, mode } = session
      const text = JSON.stringify({ turns: turns.length, steers, mode })
      await this.#update('agent_message_chunk', { content: { type: 'text', text } })
    }
    if ('hang' in step) await this.#hang(step.hang)
    if ('awaitSteer' in step) await this.#awaitSteer()
    if ('print' in step) house.print(step.print)
    if ('die' in step) {
      house.die(step.die)
      await new Promise(() => {})
    }
    if ('tool' in step) await this.#tool(step.tool)
  }

  async #tool(tool: ScriptedTool): Promise<void> {
    const facts = {
      toolCallId: tool.id,
      title: tool.title,
      kind: tool.kind,
      ...(tool.locations && { locations: tool.locations.map((path) => ({ path })) }),
      ...(tool.diff && { content: [{ type: 'diff', path: tool.diff, newText: '' }] }),
      ...(tool.rawInput === undefined ? {} : { rawInput: tool.rawInput }),
    }
    if (tool.quiet !== true) await this.#update('tool_call', { ...facts, status: 'pending' })
    const may = tool.ask === undefined || (await this.#ask(facts, tool.ask))
    const done = may && !this.#cancelled.signal.aborted && (await this.#carryOut(tool))
    await this.#update('tool_call_update', { toolCallId: tool.id, status: done ? 'completed' : 'failed' })
  }

  async #ask(toolCall: object, ask: NonNullable<ScriptedTool['ask']>): Promise<boolean> {
    const options = ask === true ? OPTIONS : ask.map((option) => ({ name: option.kind, ...option }))
    const params = { sessionId: this.#options.session.id, toolCall, options }
    const answer = await this.#options.client.request(methods.client.session.requestPermission, params)
    const { outcome } = answer as { outcome: { outcome: string; optionId?: string } }
    this.#options.house.heard?.('permission', outcome)
    return options.some(({ optionId, kind }) => optionId === outcome.optionId && kind.startsWith('allow'))
  }

  async #carryOut({ write, run }: ScriptedTool): Promise<boolean> {
    const { cwd } = this.#options
    if (write !== undefined) await writeFile(resolve(cwd, write.path), write.text)
    if (run === undefined) return true
    const [command, ...args] = run
    return ended(spawn(command, args, { cwd, stdio: 'ignore' }), this.#cancelled.signal)
  }

  async #hang(how: 'model' | 'stubborn'): Promise<void> {
    await new Promise<void>((done) => {
      if (how === 'model') this.#cancelled.signal.addEventListener('abort', () => done())
    })
  }

  async #awaitSteer(): Promise<void> {
    this.#awaited++
    await new Promise<void>((done) => {
      this.#onSteer = done
      this.#cancelled.signal.addEventListener('abort', () => done())
      if (this.#steered >= this.#awaited) done()
    })
  }

  #update(sessionUpdate: string, facts: object): Promise<void> {
    return this.#send({ sessionUpdate, ...facts })
  }

  #send(update: object): Promise<void> {
    const { client, session } = this.#options
    return client.notify(methods.client.session.update, { sessionId: session.id, update })
  }
}

function ended(child: ChildProcess, signal: AbortSignal): Promise<boolean> {
  signal.addEventListener('abort', () => child.kill('SIGKILL'))
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}
