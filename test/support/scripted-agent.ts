import type {
  Conversation,
  ConversationOptions,
  LocalAgent,
  Observation,
  TurnEnd,
} from '../../src/backends/local/conversation.ts'
import type { Clock } from '../../src/domain/clock.ts'

/** A turn that a scripted agent was sent: the test says what it does and how it ends. */
export interface ScriptedTurn {
  readonly text: string
  readonly options: ConversationOptions
  see(seen: Observation): void
  end(end: TurnEnd): void
  complete(text?: string): void
}

/** A local agent without a process: the test plays it. */
export class ScriptedAgent implements LocalAgent {
  readonly id = 'command:scripted'
  readonly memoryMb = 100
  readonly env: readonly string[] = ['SCRIPTED_KEY']
  readonly set = { SCRIPTED: 'yes' }
  readonly abilities: LocalAgent['abilities']
  readonly turns: ScriptedTurn[] = []
  readonly conversations: ConversationOptions[] = []
  readonly answers: string[] = []
  stops = 0
  openFails: Error | undefined
  /** Called when a conversation is opened. */
  onOpen: (options: ConversationOptions) => void = () => {}
  /** What each opening came to. */
  readonly openings: ('ready' | 'failed')[] = []
  session: string | undefined = 'session-1'
  readonly #waiting: ((turn: ScriptedTurn) => void)[] = []

  constructor(abilities: Partial<LocalAgent['abilities']> = {}) {
    this.abilities = { steer: false, resume: true, usage: true, ...abilities }
  }

  async findProgram() {
    return '/scripted'
  }

  async locate() {
    return { path: '/scripted', version: '1' }
  }

  converse(options: ConversationOptions): Conversation {
    this.conversations.push(options)
    return new ScriptedConversation(this, options)
  }

  /** The next turn that is sent. */
  nextTurn(): Promise<ScriptedTurn> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  sent(turn: ScriptedTurn): void {
    this.turns.push(turn)
    this.#waiting.shift()?.(turn)
  }
}

class ScriptedConversation implements Conversation {
  readonly #agent: ScriptedAgent
  readonly #options: ConversationOptions
  #end: ((end: TurnEnd) => void) | undefined

  constructor(agent: ScriptedAgent, options: ConversationOptions) {
    this.#agent = agent
    this.#options = options
  }

  async open(): Promise<void> {
    this.#agent.onOpen(this.#options)
    try {
      await this.#open()
      this.#agent.openings.push('ready')
    } catch (error) {
      this.#agent.openings.push('failed')
      throw error
    }
  }

  async #open(): Promise<void> {
    if (this.#agent.openFails !== undefined) throw this.#agent.openFails
    await this.#options.whole
    if (this.#agent.session !== undefined) await this.#options.events.session(this.#agent.session)
  }

  turn(text: string): Promise<TurnEnd> {
    return new Promise((resolve) => {
      this.#end = resolve
      this.#agent.sent({
        text,
        options: this.#options,
        see: (seen) => this.#options.events.saw(seen),
        end: resolve,
        complete: (answer = 'Done.') => resolve({ kind: 'complete', text: answer, reason: 'end_turn' }),
      })
    })
  }

  async steer(text: string): Promise<'injected' | 'no-turn'> {
    this.#agent.answers.push(`steer ${text}`)
    return 'injected'
  }

  answer(request: string, choice: 'allow' | 'reject'): void {
    this.#agent.answers.push(`${request} ${choice}`)
  }

  async stop(): Promise<void> {
    this.#agent.stops++
    this.#end?.({ kind: 'stopped', text: '' })
  }
}

/** Resolves when a condition holds; looked at now and then, so that the test's own time limit is the bound. */
export async function until(holds: () => boolean | Promise<boolean>, clock?: Clock): Promise<void> {
  while (!(await holds())) {
    await new Promise((resolve) =>
      clock === undefined ? setImmediate(resolve) : clock.setTimeout(() => resolve(0), 5),
    )
  }
}
