import type { AgentProcess } from '../local/agent-process.ts'
import type { ConversationOptions } from '../local/conversation.ts'
import { exists } from '../local/process-group.ts'
import type { CommandDialect, StartedWith } from './command-dialect.ts'
import { endCommand, startCommand } from './command-turn.ts'

/** The process of a first turn, started while its worktree is being filled: what an agent does before it reads its prompt is done by then. */
export class EarlyStart {
  readonly #dialect: CommandDialect
  readonly #options: ConversationOptions
  readonly #args: readonly string[]
  /** Undefined: it could not be started, which shows when the turn starts another. */
  readonly #process: Promise<AgentProcess | undefined>
  #isTaken = false
  #ending: Promise<void> | undefined

  constructor(dialect: CommandDialect, path: string, startedWith: StartedWith, options: ConversationOptions) {
    this.#dialect = dialect
    this.#options = options
    this.#args = startedWith.args
    this.#process = startCommand(path, startedWith, options).catch(() => undefined)
  }

  /** The process, once; undefined where another has to be started: it has ended, or was started for something else. */
  async take(args: readonly string[]): Promise<AgentProcess | undefined> {
    const process = await this.#process
    if (process === undefined || !exists(process.pid) || this.#isTaken || this.#ending !== undefined) return undefined
    if (args.length !== this.#args.length || args.some((arg, at) => arg !== this.#args[at])) {
      await this.end()
      return undefined
    }
    this.#isTaken = true
    return process
  }

  /** Ends it unless it was taken; resolves when it is gone. */
  end(): Promise<void> {
    if (this.#isTaken) return Promise.resolve()
    this.#ending ??= this.#process.then((process) => process && endCommand(process, this.#dialect, this.#options))
    return this.#ending
  }
}
