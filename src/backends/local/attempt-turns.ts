import type { AgentRunState } from '../../domain/backend.ts'
import { sleep } from '../../domain/clock.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import { type AttemptState, type NotedEnd, notedEnd } from './attempt-facts.ts'
import { keptImages } from './attempt-images.ts'
import type { AttemptLog } from './attempt-log.ts'
import type { AttemptNotes } from './attempt-notes.ts'
import type { AttemptWorkspace } from './attempt-workspace.ts'
import { continuationText, freshSessionText, laterTurnText } from './continuation.ts'
import type { Conversation, LocalAgent, Observation, TurnEnd } from './conversation.ts'
import { EarlyOpening } from './early-opening.ts'
import type { LocalMachine } from './local-machine.ts'
import { TurnSigns } from './turn-signs.ts'

/** A limit that ends within this is waited for in the turn; a longer one ends it, so that others may use its slot. */
const LIMIT_WAIT_MS = 10 * 60_000
const LIMIT_FIRST_MS = 20_000
const LIMIT_WAITS = 6
const NOTE_AGAIN_MS = 5_000
/** What an answer or a name of a file holds of an agent's last text, characters. */
const MOST_RESULT = 16 * 1024 * 1024

export interface AttemptTurnsOptions {
  readonly key: AttemptKey
  readonly agent: LocalAgent
  readonly machine: LocalMachine
  readonly notes: AttemptNotes
  readonly log: AttemptLog
  readonly workspace: AttemptWorkspace
  readonly onChange: () => void
}

/** The turns of one attempt in this process: each is noted before its prompt leaves, and again when it has ended. */
export class AttemptTurns {
  readonly #options: AttemptTurnsOptions
  #conversation: Conversation | undefined
  #early: EarlyOpening | undefined
  /** The turn under way. */
  #running: Promise<void> | undefined
  readonly #signs: TurnSigns
  /** Aborted when nothing is to be begun any more. */
  #over = new AbortController()
  /** What ended from now on was interrupted, and is not noted as an end. */
  #interrupted = false
  /** The session of before could not be gone on with: the next prompt goes to one that knows nothing. */
  #isLost = false
  #beganAnew = false

  constructor(options: AttemptTurnsOptions) {
    this.#options = options
    this.#signs = new TurnSigns(options.machine.clock, () => options.onChange())
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Aborted when the turn under way, or the next one, is not to go on. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  get asks(): boolean {
    return this.#signs.asks !== undefined
  }

  /** How the turn under way stands, or one that was interrupted and has not gone on yet. */
  standing(): Pick<AgentRunState, 'status' | 'rawStatus' | 'summary' | 'progress'> {
    return this.#signs.standing(this.isRunning)
  }

  /** Begins what {@link open} waits for while the worktree is filled. Nothing is left of it where `whole` rejects. */
  openEarly(whole: Promise<void>, signal: AbortSignal): void {
    this.#early = new EarlyOpening(this.#open(signal, whole), whole)
  }

  /** When what was begun early is over, well or not. */
  async opened(): Promise<void> {
    await this.#early?.over()
    this.#early = undefined
  }

  /** Makes the conversation ready for a turn. Throws BackendError. */
  async open(signal: AbortSignal): Promise<void> {
    const early = this.#early
    this.#early = undefined
    if (!(await early?.isReady())) await this.#open(signal)
  }

  async #open(signal: AbortSignal, whole?: Promise<void>): Promise<void> {
    if (this.#conversation !== undefined) return
    const { notes } = this.#options
    const before = notes.state?.session
    const conversation = await this.#converse(before, whole)
    await conversation.open(signal)
    this.#conversation = conversation
    this.#isLost = before !== undefined && notes.state?.session !== before
  }

  /** Notes the turn, then sends it; resolves when it is on its way. */
  async send(turn: number, text: string): Promise<void> {
    const { notes } = this.#options
    await notes.write(`turn-${turn}.md`, text)
    await notes.note({ fact: 'turn', turn, continues: false })
    this.#running = this.#drive(this.#isLost ? await this.#anewText(turn, text) : text)
  }

  /** Goes on with the turn that was left in the middle. */
  async goOn(why: 'troupe' | 'limit', signal: AbortSignal): Promise<void> {
    const { notes, agent } = this.#options
    const turn = notes.state?.turn ?? 1
    const asked = (await notes.read(`turn-${turn}.md`)) ?? ''
    const hadSession = notes.state?.session !== undefined && agent.abilities.resume
    await this.open(signal)
    await notes.note({ fact: 'turn', turn, continues: true })
    const isKnown = hadSession && !this.#isLost
    this.#running = this.#drive(isKnown ? continuationText(asked, why) : await this.#anewText(turn, asked))
  }

  /** A turn's prompt for an agent that knows nothing of what was before. */
  async #anewText(turn: number, text: string): Promise<string> {
    this.#isLost = false
    if (turn === 1) return freshSessionText(text)
    const first = (await this.#options.notes.read('turn-1.md')) ?? ''
    return laterTurnText(first, text)
  }

  async steer(text: string): Promise<'injected' | 'no-turn'> {
    if (this.#conversation === undefined || this.#running === undefined) return 'no-turn'
    const told = await this.#conversation.steer(text)
    if (told === 'injected') this.#options.log.say('USER_MESSAGE', text)
    return told
  }

  /** A person answers what is asked in the turn under way, which has this number from then on. */
  async answer(turn: number, text: string): Promise<void> {
    const { asks: asked } = this.#signs
    await this.#options.notes.note({ fact: 'joined', turn })
    this.#signs.answered()
    if (asked === undefined) return
    const choice = /^\s*(y|yes|ok|okay|allow|allowed|approve|approved|true|1)\b/i.test(text) ? 'allow' : 'reject'
    this.#options.log.say('USER_MESSAGE', `${choice}: ${text}`)
    this.#conversation?.answer(asked.id, choice)
    this.#signs.changed()
  }

  /** Ends what is under way, as stopped; the conversation is over then. */
  async stop(): Promise<void> {
    this.#over.abort(new Error('The attempt was stopped'))
    await this.#conversation?.stop()
    await this.#running
    // It may have been opened meanwhile.
    await this.#conversation?.stop()
    this.#conversation = undefined
    this.#signs.hush()
    this.#over = new AbortController()
  }

  /** troupe ends: what is under way is stopped, and not noted as ended. */
  async interrupt(): Promise<void> {
    this.#interrupted = true
    await this.stop()
  }

  /** Notes how the turn ended, as often as it takes: what it returned was paid for. */
  async noteEnd(end: NotedEnd, text: string): Promise<void> {
    const { notes, machine, log } = this.#options
    const turn = notes.state?.turn ?? 1
    for (let failures = 0; ; failures++) {
      try {
        if (text !== '') await notes.write(`turn-${turn}.result.md`, text.slice(-MOST_RESULT))
        await notes.note({ fact: 'ended', turn, end })
        return
      } catch (error) {
        if (failures === 0) log.say('ERROR', messageOf(error))
        if (this.#interrupted) return
        await sleep(machine.clock, NOTE_AGAIN_MS)
      }
    }
  }

  async #converse(session: string | undefined, whole?: Promise<void>): Promise<Conversation> {
    const { key, agent, machine, notes, workspace } = this.#options
    const state = this.#state()
    const model = await notes.read('model')
    const images = await machine.clock.operation(keptImages(notes.folder))
    return agent.converse({
      clock: machine.clock,
      attempt: formatKey(key),
      uuid: await workspace.uuid(),
      cwd: state.worktree?.path ?? (await workspace.path()),
      ...(whole === undefined ? {} : { whole }),
      env: await workspace.environment(),
      folder: notes.folder,
      ...(session === undefined ? {} : { session }),
      ...(model ? { model } : {}),
      ...(images.length === 0 ? {} : { images, hasSeenImages: state.turn > 1 || state.end !== undefined }),
      permissions: state.workspace.permissions,
      events: {
        process: async (process) => void (await notes.note({ fact: 'process', ...process })),
        session: async (id) => {
          if (notes.state?.session !== id) await notes.note({ fact: 'session', id })
        },
        saw: (seen) => this.#saw(seen),
      },
    })
  }

  /** Sees a turn through to its end; never rejects. */
  async #drive(text: string): Promise<void> {
    const { log } = this.#options
    let end: TurnEnd | undefined
    let next = text
    for (let waits = 0; ; ) {
      log.say('USER_MESSAGE', next)
      end = await this.#turn(next)
      if (end.kind !== 'failed' || this.#over.signal.aborted) break
      const asked = (await this.#options.notes.read(`turn-${this.#state().turn}.md`).catch(() => undefined)) ?? text
      if (end.failure.kind === 'not-found' && (await this.#beginAnew())) {
        next = await this.#anewText(this.#state().turn, asked)
      } else if (end.failure.kind === 'limit' && (await this.#waited(end.failure, waits))) {
        waits++
        next = continuationText(asked, 'limit')
      } else break
    }
    if (this.#over.signal.aborted && end.kind === 'failed') end = { ...end, kind: 'stopped' }
    await this.#ended(end).catch((error) => log.say('ERROR', messageOf(error)))
    this.#running = undefined
    this.#signs.changed()
  }

  async #turn(text: string): Promise<TurnEnd> {
    try {
      if (this.#conversation === undefined) await this.open(this.#over.signal)
      const end = await this.#conversation?.turn(text)
      return end ?? { kind: 'stopped', text: '' }
    } catch (error) {
      const failure = { kind: 'crashed', message: messageOf(error), retryable: true } as const
      return this.#over.signal.aborted ? { kind: 'stopped', text: '' } : { kind: 'failed', failure, text: '' }
    }
  }

  async #ended(end: TurnEnd): Promise<void> {
    const { log, workspace, agent } = this.#options
    this.#signs.clear()
    log.flush()
    const stays = end.kind === 'complete' && agent.abilities.stays === true
    if (!stays) {
      await this.#conversation?.stop()
      this.#conversation = undefined
      // Servers and watchers that its tools have left behind.
      await workspace.sweep()
    }
    if (this.#interrupted && end.kind !== 'complete') return
    await this.noteEnd(notedEnd(end), end.text)
  }

  /** Once: the session is lost, so that another has to take over from the files. */
  async #beginAnew(): Promise<boolean> {
    const { log, workspace } = this.#options
    if (this.#state().session === undefined || this.#beganAnew) return false
    this.#beganAnew = true
    log.say('NOTE', 'Its session is lost: another one takes over')
    await this.#conversation?.stop()
    await workspace.sweep()
    this.#conversation = await this.#converse(undefined)
    await this.#conversation.open(this.#over.signal)
    return true
  }

  /** Waits until the provider may be asked again, where that is soon. False: it is not, or the attempt is over. */
  async #waited({ notBefore }: { readonly notBefore?: number }, waits: number): Promise<boolean> {
    const { clock } = this.#options.machine
    const until = notBefore ?? clock.now() + LIMIT_FIRST_MS * 2 ** waits
    if (waits >= LIMIT_WAITS || until - clock.now() > LIMIT_WAIT_MS) return false
    this.#signs.limited(until)
    this.#signs.changed()
    try {
      await sleep(clock, Math.max(0, until - clock.now()), this.#over.signal)
      await this.#options.notes.note({ fact: 'turn', turn: this.#state().turn, continues: true })
      return true
    } catch {
      return false
    } finally {
      this.#signs.limited(undefined)
    }
  }

  #saw(seen: Observation): void {
    const { log, notes } = this.#options
    log.add(seen)
    if (seen.kind === 'denied') notes.note({ fact: 'denied', what: seen.what.slice(0, 500) }).catch(() => {})
    this.#signs.saw(seen)
  }

  #state(): AttemptState {
    const { state } = this.#options.notes
    if (state === undefined) throw new Error(`Nothing is known of ${formatKey(this.#options.key)}`)
    return state
  }
}

/** What went wrong, for a log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
