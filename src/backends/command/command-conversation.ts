import type { EndFailure } from '../../domain/backend.ts'
import type { Usage } from '../../domain/budget.ts'
import { BackendError, toFailure } from '../../domain/errors.ts'
import type { Conversation, ConversationOptions, TurnEnd } from '../local/conversation.ts'
import { findProgram } from '../local/find-program.ts'
import { isAnyAbove, isAnyIn, isChosenByPackage, VERSION_FILES } from '../local/read-first.ts'
import { oneLine } from './bounds.ts'
import type { CommandDialect, ShownImage, StartedWith } from './command-dialect.ts'
import { CommandTurn, type EndedTurn } from './command-turn.ts'
import { EarlyStart } from './early-start.ts'
import { SessionUsage } from './session-usage.ts'
import { shownImages } from './shown-images.ts'

/** A new session, the known one, and what is tried when that proves wrong. */
const MOST_STARTS = 3

/** What a conversation is held with. */
export interface CommandProgram {
  /** As people call it. */
  readonly name: string
  readonly program: string
  readonly install: string
  readonly model: string | undefined
  readonly dialect: CommandDialect
}

/** A conversation whose turns are processes, one after the other. */
export class CommandConversation implements Conversation {
  readonly #agent: CommandProgram
  readonly #options: ConversationOptions
  readonly #usage: SessionUsage
  #path: string | undefined
  #session: string | undefined
  #images: readonly ShownImage[] = []
  /** Whether its session was shown them. */
  #hasSeen: boolean
  #early: EarlyStart | undefined
  #turn: CommandTurn | undefined
  #settled: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(agent: CommandProgram, options: ConversationOptions) {
    this.#agent = agent
    this.#options = options
    this.#usage = new SessionUsage(options.folder)
    this.#session = agent.dialect.resumes ? options.session : undefined
    this.#hasSeen = this.#session !== undefined && options.hasSeenImages === true
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const path = await this.#located()
    const { whole } = this.#options
    if (whole !== undefined) await this.#startEarly(path, whole)
  }

  turn(text: string): Promise<TurnEnd> {
    const ended = this.#converse(text).catch(
      (error): TurnEnd =>
        this.#stopped ? { kind: 'stopped', text: '' } : { kind: 'failed', failure: failureOf(error), text: '' },
    )
    this.#settled = ended
    return ended
  }

  async steer(text: string): Promise<'injected' | 'no-turn'> {
    const line = this.#agent.dialect.steer?.(text)
    let turn = line === undefined ? undefined : this.#turn
    while (line !== undefined && turn) {
      if ((await turn.steer(line)) === 'injected') return 'injected'
      // A turn may be started a second time, see sessionTrouble.
      turn = this.#turn === turn ? undefined : this.#turn
    }
    return 'no-turn'
  }

  /** Commands ask nobody: what they may not do is refused before they start. */
  answer(): void {}

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#early?.end()
    await this.#turn?.end()
    await this.#settled
  }

  async #converse(text: string): Promise<TurnEnd> {
    const path = this.#path ?? (await this.#located())
    let session = this.#session
    for (let start = 1; ; start += 1) {
      if (this.#stopped) return { kind: 'stopped', text: '' }
      const ended = await this.#start(path, text, session)
      const trouble =
        ended.told.end === null || ended.told.failure ? this.#agent.dialect.sessionTrouble?.(ended.stderr) : undefined
      if (trouble === undefined || this.#stopped || start === MOST_STARTS) return this.#judge(ended)
      if (trouble === 'unknown') return this.#lost()
      // It was told nothing yet.
      session = this.#options.uuid
      this.#options.events.saw({ kind: 'note', text: 'Its session exists already: going on with it.' })
    }
  }

  /** A new session has to be told more than this turn: the caller knows what. */
  #lost(): TurnEnd {
    this.#session = undefined
    this.#hasSeen = false
    const message = `The session of ${this.#agent.name} is not known any more`
    return { kind: 'failed', failure: { kind: 'not-found', message, retryable: true }, text: '' }
  }

  /** What every turn needs, looked for once. */
  async #located(): Promise<string> {
    this.#images = await shownImages(this.#agent, this.#options)
    this.#path = await pathOf(this.#agent, this.#options.env)
    return this.#path
  }

  /** Resolves when the worktree is whole, rejects when it will not be. */
  async #startEarly(path: string, whole: Promise<void>): Promise<void> {
    const { dialect } = this.#agent
    const { cwd, clock } = this.#options
    if (this.#stopped || !(await clock.operation(this.#mayStartEarly(path)))) return whole
    const early = new EarlyStart(dialect, path, this.#startedWith('', this.#session), this.#options)
    this.#early = early
    try {
      await whole
    } catch (error) {
      await early.end()
      throw error
    }
    // It knows nothing of what came after it.
    const read = [...(dialect.readsFirst ?? []), ...VERSION_FILES]
    if (await clock.operation(isAnyIn(cwd, read))) await early.end()
  }

  async #mayStartEarly(path: string): Promise<boolean> {
    const { readsFirst, ownSettings } = this.#agent.dialect
    if (readsFirst === undefined || isChosenByPackage(path)) return false
    const { cwd, env } = this.#options
    return !(await isAnyAbove(cwd, readsFirst, ownSettings?.(env)))
  }

  #startedWith(prompt: string, session: string | undefined): StartedWith {
    const { cwd, folder, uuid, permissions } = this.#options
    const model = this.#options.model ?? this.#agent.model
    const images = this.#hasSeen ? [] : this.#images
    return this.#agent.dialect.start({ prompt, session, uuid, model, cwd, folder, permissions, images })
  }

  async #start(path: string, prompt: string, session: string | undefined): Promise<EndedTurn> {
    const startedWith = this.#startedWith(prompt, session)
    const turn = new CommandTurn(this.#agent.dialect, path, this.#options)
    this.#turn = turn
    try {
      const ended = await turn.run(startedWith, await this.#early?.take(startedWith.args))
      this.#hasSeen ||= this.#agent.dialect.resumes && ended.told.end !== null
      return ended
    } finally {
      this.#turn = undefined
      if (this.#agent.dialect.resumes) this.#session = turn.session ?? session
    }
  }

  async #judge(ended: EndedTurn): Promise<TurnEnd> {
    const { text } = ended.told
    const usage = await this.#used(ended)
    const whole = usage === undefined ? { text } : { text, usage }
    if (this.#stopped) return { kind: 'stopped', ...whole }
    const failure = failureIn(ended, this.#agent, this.#options.clock.now())
    if (failure) return { kind: 'failed', failure, ...whole }
    return { kind: 'complete', reason: ended.told.end ?? 'exit', ...whole }
  }

  async #used({ told }: EndedTurn): Promise<Usage | undefined> {
    if (told.sessionTotal === undefined || this.#session === undefined) return told.usage ?? told.sessionTotal
    return { ...told.usage, ...(await this.#usage.since(this.#session, told.sessionTotal)) }
  }
}

/** Why a turn counts as failed: what it told, then how its process ended. Undefined: it is complete. */
function failureIn(
  { told, exit, stderr, wasEnded }: EndedTurn,
  agent: CommandProgram,
  now: number,
): EndFailure | undefined {
  const { name, dialect } = agent
  if (told.failure) return told.failure
  const tail = oneLine(stderr.slice(-1_000))
  const because = tail === '' ? '.' : `: ${tail}`
  const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`
  if (told.end === null && (dialect.saysEnd || exit.signal !== null)) {
    const explained = dialect.explain?.(stderr, now)
    if (explained) return explained
    const message = `${name} ended ${how} in the middle of its turn${because}`
    return { kind: 'crashed', message, retryable: true }
  }
  // Its end was told of, and it would not go: the exit is of our making.
  if (wasEnded || (exit.code !== null && dialect.exitCodes.includes(exit.code))) return undefined
  if (exit.signal !== null) return { kind: 'crashed', message: `${name} was ended ${how}${because}`, retryable: true }
  return { kind: 'agent-failed', message: `${name} ended ${how}${because}`, retryable: true }
}

/** Where an agent's program is. Throws BackendError `refused`, which says how to install it. */
export async function pathOf(agent: CommandProgram, env: Readonly<Record<string, string>>): Promise<string> {
  const path = await findProgram(agent.program, env)
  if (path !== undefined) return path
  const message = `The program '${agent.program}' of ${agent.name} was not found. ${agent.install}`
  throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}

function failureOf(error: unknown): EndFailure {
  const { message } = toFailure(error)
  if (!(error instanceof BackendError)) return { kind: 'agent-failed', message: oneLine(message), retryable: false }
  const { kind, retryable, notBefore } = error
  const failure = { kind, message: oneLine(message), retryable }
  return notBefore === undefined ? failure : { ...failure, notBefore }
}
