import type { TimerHandle } from '../../domain/clock.ts'
import { type AgentProcess, endProcess, linesOf, type ProcessExit, startProcess } from '../local/agent-process.ts'
import type { ConversationOptions } from '../local/conversation.ts'
import type { CommandDialect, StartedWith } from './command-dialect.ts'
import { ToldTurn } from './told-turn.ts'
import type { TurnFact } from './turn-fact.ts'

/** How long a process may take to go after it told of its turn's end. */
const GOES_WITHIN_MS = 20_000
/** How long a process that was signalled may take to end its tools. */
const STOPS_WITHIN_MS = 5_000

/** What a turn's process left. */
export interface EndedTurn {
  readonly told: ToldTurn
  readonly exit: ProcessExit
  readonly stderr: string
  /** We ended it: what its exit code says is ours. */
  readonly wasEnded: boolean
}

/** One turn: one process, from its start to its end. */
export class CommandTurn {
  readonly #dialect: CommandDialect
  readonly #path: string
  readonly #options: ConversationOptions
  readonly #told = new ToldTurn()
  #process: AgentProcess | undefined
  #ending: Promise<void> | undefined
  #isOver = false
  #session: string | undefined
  #grace: TimerHandle | undefined
  /** Whether its stdin takes messages: it has the prompt, and its end was not told of. */
  #listens = false
  #sent: () => void = () => undefined
  readonly #prompted = new Promise<void>((resolve) => {
    this.#sent = resolve
  })

  constructor(dialect: CommandDialect, path: string, options: ConversationOptions) {
    this.#dialect = dialect
    this.#path = path
    this.#options = options
  }

  /** The session it said it works in. */
  get session(): string | undefined {
    return this.#session
  }

  /**
   * Starts it, or takes over what was `started` so, and reads what it prints until nothing of it is left. Rejects when it cannot be started
   * or noted; nothing is left then.
   */
  async run(startedWith: StartedWith, started?: AgentProcess): Promise<EndedTurn> {
    const { clock } = this.#options
    const process = started ?? (await startCommand(this.#path, startedWith, this.#options))
    this.#process = process
    // It was ended before it was there.
    if (this.#isOver) void this.end()
    const reading = this.#read(process)
    try {
      // A promise that rejects while it is prompted is not forgotten.
      await Promise.all([this.#prompt(process, startedWith), reading])
      const exit = await process.exited
      const wasEnded = this.#ending !== undefined
      await this.end()
      const stderr = process.stderrTail()
      for (const what of this.#dialect.refusals?.(stderr) ?? []) this.#options.events.saw({ kind: 'denied', what })
      return { told: this.#told, exit, stderr, wasEnded }
    } finally {
      this.#listens = false
      this.#sent()
      clock.clearTimeout(this.#grace ?? 0)
      await this.end()
    }
  }

  /** Tells the turn under way something, once it has its prompt. */
  async steer(line: string): Promise<'injected' | 'no-turn'> {
    await this.#prompted
    const stdin = this.#process?.stdin
    if (!this.#listens || !stdin?.writable) return 'no-turn'
    stdin.write(line)
    return 'injected'
  }

  /** Ends its process; resolves when it is gone. */
  end(): Promise<void> {
    this.#listens = false
    this.#isOver = true
    const process = this.#process
    if (!process) return Promise.resolve()
    this.#ending ??= endCommand(process, this.#dialect, this.#options)
    return this.#ending
  }

  async #prompt({ pid, startedAt, stdin }: AgentProcess, startedWith: StartedWith): Promise<void> {
    const { events } = this.#options
    await events.process({ pid, startedAt })
    // An id of our own is known before the agent is told anything.
    if (startedWith.session !== undefined) await this.#note(startedWith.session)
    if (!this.#isOver && stdin && startedWith.stdin !== null) {
      if (startedWith.keepsStdin) stdin.write(startedWith.stdin)
      else stdin.end(startedWith.stdin)
      this.#listens = startedWith.keepsStdin && this.#told.end === null
    }
    this.#sent()
  }

  async #read(process: AgentProcess): Promise<void> {
    const read = this.#dialect.reader(this.#options.clock)
    for await (const line of linesOf(process.stdout)) {
      for (const fact of read(line)) await this.#take(fact, process)
    }
  }

  async #take(fact: TurnFact, process: AgentProcess): Promise<void> {
    this.#told.add(fact)
    if (fact.kind === 'saw') return this.#options.events.saw(fact.observation)
    if (fact.kind === 'session') return this.#note(fact.id)
    if (fact.kind === 'failure' && fact.endsIt) void this.end()
    if (fact.kind === 'goes-on') this.#options.clock.clearTimeout(this.#grace ?? 0)
    if (fact.kind === 'end') {
      this.#listens = false
      process.stdin?.end()
      this.#options.clock.clearTimeout(this.#grace ?? 0)
      this.#grace = this.#options.clock.setTimeout(() => void this.end(), GOES_WITHIN_MS)
    }
  }

  async #note(session: string): Promise<void> {
    if (session === this.#session) return
    this.#session = session
    await this.#options.events.session(session)
  }
}

/** Starts a turn's process, which is told nothing yet. Throws BackendError. */
export function startCommand(
  command: string,
  { args, stdin }: StartedWith,
  { cwd, env, clock }: ConversationOptions,
): Promise<AgentProcess> {
  return startProcess({ command, args, cwd, env, clock, stdin: stdin === null ? 'ignore' : 'pipe' })
}

/** Ends it with its tools; resolves when it is gone. */
export function endCommand(
  process: AgentProcess,
  { stopSignal }: CommandDialect,
  { clock }: ConversationOptions,
): Promise<void> {
  return endProcess(process, { clock, signal: stopSignal, closeMs: 0, signalMs: STOPS_WITHIN_MS })
}
