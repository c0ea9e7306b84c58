import { methods, RequestError } from '@agentclientprotocol/sdk'
import type { EndFailure } from '../../domain/backend.ts'
import { sleep } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { Conversation, ConversationOptions, TurnEnd } from '../local/conversation.ts'
import type { AcpProfile } from './acp-profile.ts'
import { AgentLink } from './agent-link.ts'
import { untilStart } from './early-session.ts'
import { type ImageBlock, imageBlocks } from './image-blocks.ts'
import { recordOf, textOf } from './json-parts.ts'
import type { AgentWire } from './message-stream.ts'
import { PermissionDesk } from './permission-desk.ts'
import { asBackendError, type FailureFacts, failureInAnswer, failureOf, METHOD_NOT_FOUND } from './prompt-failure.ts'
import { type StartedSession, startSession } from './session-start.ts'
import { ToolCalls } from './tool-calls.ts'
import { TurnRecord } from './turn-record.ts'

/** How long a cancelled turn may take to end. */
const CANCEL_MS = 5_000
const STEER_MS = 30_000
/** How often in a turn an agent that stops at a refusal is told to go on. */
const MOST_REFUSALS = 5
const STEERING = '_session/steering'

/** Starts the agent's process. Throws BackendError. */
export type StartWire = (options: ConversationOptions) => Promise<AgentWire>

/** One process of the agent with its session. */
interface Line {
  readonly wire: AgentWire
  readonly link: AgentLink
  readonly session: StartedSession
}

/** The conversation of one attempt over the Agent Client Protocol: one process, kept over its turns. */
export class AcpConversation implements Conversation {
  readonly #profile: AcpProfile
  readonly #options: ConversationOptions
  readonly #startWire: StartWire
  readonly #record: TurnRecord
  readonly #desk: PermissionDesk
  #session: string | undefined
  /** When the worktree is, as long as it was not waited for. */
  #whole: Promise<void> | undefined
  #line: Line | undefined
  #opening: Promise<void> | undefined
  /** The prompt under way. */
  #turn: Promise<TurnEnd> | undefined
  #steers: boolean
  /** Whether its session was shown its images. */
  #hasSeen: boolean
  #images: readonly ImageBlock[] = []
  /** Updates before a session is ready are its history. */
  #isReady = false
  readonly #stopped = new AbortController()
  #stopping: Promise<void> | undefined

  constructor(profile: AcpProfile, options: ConversationOptions, startWire: StartWire) {
    this.#profile = profile
    this.#options = options
    this.#startWire = startWire
    this.#session = options.session
    this.#steers = profile.abilities.steer
    this.#hasSeen = options.hasSeenImages === true
    this.#whole = options.whole
    const { events, clock, cwd, permissions } = options
    const saw = events.saw.bind(events)
    const calls = new ToolCalls()
    this.#record = new TurnRecord(calls, saw)
    const sandboxed = profile.sandboxed === true
    this.#desk = new PermissionDesk({ clock, cwd, permissions, sandboxed, calls, saw })
  }

  open(signal: AbortSignal): Promise<void> {
    this.#opening ??= this.#open(signal).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  turn(text: string): Promise<TurnEnd> {
    this.#turn ??= this.#prompt(text).finally(() => {
      this.#turn = undefined
    })
    return this.#turn
  }

  async steer(text: string): Promise<'injected' | 'no-turn'> {
    const line = this.#line
    if (this.#turn === undefined || line === undefined || !this.#steers || this.#stopped.signal.aborted)
      return 'no-turn'
    const { session, link } = line
    const prompt = words(text)
    const params = { sessionId: session.id, prompt, _meta: { steering: { idleBehavior: 'promptRequired' } } }
    try {
      const { outcome } = recordOf(await link.request(STEERING, params, STEER_MS))
      if (outcome === 'injected') return 'injected'
      if (outcome === 'promptRequired') return 'no-turn'
      throw new Error(`it answered '${textOf(outcome)?.slice(0, 100) ?? 'nothing known'}'`)
    } catch (error) {
      if (error instanceof RequestError && error.code === METHOD_NOT_FOUND) {
        this.#steers = false
        return 'no-turn'
      }
      const why = error instanceof Error ? error.message : String(error)
      const message = `It cannot be told whether ${this.#profile.id} was told what was added: ${why}`
      throw new BackendError(message, { kind: 'unknown-outcome', retryable: false, certain: false, cause: error })
    }
  }

  answer(request: string, choice: 'allow' | 'reject'): void {
    this.#desk.answer(request, choice)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #open(signal: AbortSignal): Promise<void> {
    if (this.#line !== undefined && !this.#line.link.closed) return
    const { clock, events } = this.#options
    const given = AbortSignal.any([signal, this.#stopped.signal])
    given.throwIfAborted()
    await this.#line?.wire.end()
    this.#line = undefined
    this.#isReady = false
    const whole = this.#whole
    this.#whole = undefined
    const { forSession } = await untilStart(this.#profile, this.#options, whole)
    given.throwIfAborted()
    const wire = await clock.operation(this.#startWire(this.#options))
    let giveUp: (() => void) | undefined
    try {
      const aborted = new Promise<never>((_, reject) => {
        giveUp = () => reject(given.reason)
        given.addEventListener('abort', giveUp)
        if (given.aborted) giveUp()
        forSession?.catch(reject)
      })
      await Promise.race([this.#start(wire, forSession), aborted])
    } catch (error) {
      await wire.end()
      throw given.aborted ? given.reason : asBackendError(error, this.#facts())
    } finally {
      if (giveUp !== undefined) given.removeEventListener('abort', giveUp)
    }
    events.saw({ kind: 'note', text: 'its session is ready' })
  }

  async #start(wire: AgentWire, whole: Promise<void> | undefined): Promise<void> {
    const { clock, events, cwd, env, attempt, model = this.#profile.model } = this.#options
    await events.process({ pid: wire.pid, startedAt: wire.startedAt })
    const link = new AgentLink({
      name: this.#profile.id,
      clock,
      wire,
      events: {
        update: (params) => this.#updated(params),
        junk: (line) => events.saw({ kind: 'note', text: `it printed: ${line}` }),
        permission: (params) => this.#desk.decide(params),
      },
    })
    try {
      const session = await startSession(link, this.#profile, {
        cwd,
        whole,
        env,
        model,
        title: attempt,
        session: this.#session,
        onSession: (id) => events.session(id),
        onNote: (text) => events.saw({ kind: 'note', text }),
      })
      this.#images = await this.#imagesFor(session)
      this.#hasSeen &&= session.isResumed
      this.#session = session.id
      this.#steers = session.steers ?? this.#steers
      this.#isReady = true
      this.#line = { wire, link, session }
    } catch (error) {
      link.close()
      throw error
    }
  }

  async #imagesFor({ takesImages }: StartedSession): Promise<readonly ImageBlock[]> {
    const { images = [], clock } = this.#options
    if (images.length === 0 || takesImages) return imageBlocks(images, clock)
    const message = `${this.#profile.id} cannot be shown images: leave out 'images', or choose another agent.`
    throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
  }

  #updated(params: unknown): void {
    if (!this.#isReady) return
    const { sessionId, update } = recordOf(params)
    // A sub-agent of it may have a session of its own.
    if (sessionId === this.#session) this.#record.take(recordOf(update))
  }

  async #prompt(text: string): Promise<TurnEnd> {
    this.#record.begin()
    try {
      // It may have ended since its turn before; its session is there still.
      if (this.#line === undefined || this.#line.link.closed) await this.open(this.#stopped.signal)
      for (let next = text, refusals = 0; ; refusals++) {
        const answer = await this.#send(next)
        const failure = failureInAnswer(answer, this.#facts())
        if (failure !== undefined) return this.#ended({ failure })
        const reason = textOf(answer['stopReason']) ?? 'none'
        const { denied } = this.#desk
        const isOver = reason !== 'cancelled' || denied === undefined || refusals >= MOST_REFUSALS
        if (isOver || this.#stopped.signal.aborted) return this.#ended({ reason })
        // Codex ends its turn when something is refused, to be told what to do instead.
        next = `This was refused: ${denied}\nIt is not allowed here: do without it, and finish what you were asked for.`
      }
    } catch (error) {
      return this.#ended({ failure: failureOf(error, this.#facts()) })
    }
  }

  /** One prompt and its answer. */
  async #send(text: string): Promise<Readonly<Record<string, unknown>>> {
    const { link, session } = this.#opened()
    this.#desk.open()
    const params = { sessionId: session.id, prompt: [...(this.#hasSeen ? [] : this.#images), ...words(text)] }
    const answer = recordOf(await link.request(methods.agent.session.prompt, params))
    this.#hasSeen = true
    this.#record.answered(answer)
    return answer
  }

  /** The one place where a turn's end is made of what is known. */
  #ended(how: { readonly reason: string } | { readonly failure: EndFailure }): TurnEnd {
    this.#desk.shut()
    const usage = this.#record.end()
    const rest = { text: this.#record.text, ...(usage === undefined ? {} : { usage }) }
    const reason = 'reason' in how ? how.reason : ''
    if (reason === 'end_turn') return { kind: 'complete', reason, ...rest }
    if (this.#stopped.signal.aborted) return { kind: 'stopped', ...rest }
    return { kind: 'failed', failure: 'failure' in how ? how.failure : this.#failureBy(reason), ...rest }
  }

  #failureBy(reason: string): EndFailure {
    const { id } = this.#profile
    const { denied } = this.#desk
    const refused = denied === undefined ? '' : ` after this was refused: ${denied}`
    const [message, retryable] = STOP_REASONS[reason] ?? [
      `ended its turn for the reason '${reason.slice(0, 100)}'`,
      true,
    ]
    return { kind: 'agent-failed', message: `${id} ${message}${reason === 'cancelled' ? refused : ''}`, retryable }
  }

  #opened(): Line {
    if (this.#line !== undefined) return this.#line
    throw new BackendError(`${this.#profile.id} is not open`, { kind: 'crashed', retryable: true, certain: true })
  }

  #facts(): FailureFacts {
    return { name: this.#profile.id, login: this.#profile.login, limit: this.#record.limit }
  }

  async #stop(): Promise<void> {
    this.#stopped.abort(stopped())
    this.#desk.shut()
    await this.#opening?.catch(() => {})
    const line = this.#line
    if (line === undefined) return
    if (this.#turn !== undefined && !line.link.closed) {
      line.link.notify(methods.agent.session.cancel, { sessionId: line.session.id })
      await this.#turnOver()
    }
    await line.wire.end()
    line.link.close()
    await this.#turn
  }

  /** Waits for a cancelled turn, but not for long. */
  async #turnOver(): Promise<void> {
    const over = new AbortController()
    const late = sleep(this.#options.clock, CANCEL_MS, over.signal).catch(() => {})
    await Promise.race([this.#turn, late])
    over.abort()
  }
}

/** Ends of a turn that are none of its work, and whether another attempt may do better. */
const STOP_REASONS: Readonly<Record<string, readonly [message: string, retryable: boolean]>> = {
  max_tokens: ['used up the tokens that one turn may take', true],
  max_turn_requests: ['used up the steps that one turn may take', true],
  refusal: ['refused to go on: its model declines what it is asked', false],
  cancelled: ['cancelled its turn by itself', true],
}

/** Text that begins with a slash would be a command to the agent's own program, or an unknown one, and never reach the model. */
function words(text: string): readonly { readonly type: 'text'; readonly text: string }[] {
  return [{ type: 'text', text: text.startsWith('/') ? `\n${text}` : text }]
}

function stopped(): BackendError {
  return new BackendError('The conversation was stopped', { kind: 'refused', retryable: false, certain: true })
}
