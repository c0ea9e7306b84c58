import type { LocalAgent } from './backends/local/conversation.ts'
import type { LocalMachine } from './backends/local/local-machine.ts'
import type { AgentDescriptions } from './domain/agent-description.ts'
import type { Backend } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import { UsageError } from './domain/errors.ts'
import type { AttemptKey } from './domain/ids.ts'
import type { Limiter } from './domain/limiter.ts'
import type { BackendCall } from './domain/measure.ts'
import type { DataFolder } from './host/data-folder.ts'

/** What the agents of this machine need of the process. */
export interface LocalAgentsOptions {
  readonly clock: Clock
  readonly folder: DataFolder
  readonly agents?: AgentDescriptions
  readonly workDir?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Nothing that was interrupted goes on before this resolves. */
  readonly gate: Promise<void>
}

/** The cap that all agents of this machine share: what fits into its memory. */
export const LOCAL_CAP = 'backend:this machine'

/** The agents of this machine as backends; what they need is loaded when the first is opened. */
export class LocalAgents {
  readonly #options: LocalAgentsOptions
  readonly #limiter: Limiter
  #machine: Promise<LocalMachine> | undefined
  #memoryMb = 0

  constructor(options: LocalAgentsOptions, limiter: Limiter) {
    this.#options = options
    this.#limiter = limiter
  }

  /** Throws UsageError for a name that is neither a preset's nor described. */
  async open(id: string, onCall: (call: BackendCall) => void): Promise<Backend> {
    const { clock } = this.#options
    const agent = await clock.operation(findAgent(id, this.#options.agents))
    const [machine, { createLocalBackend }, { agentCapacity }] = await Promise.all([
      this.#takeMachine(),
      clock.operation(import('./backends/local/local-backend.ts')),
      clock.operation(import('./backends/local/agent-capacity.ts')),
    ])
    this.#memoryMb = Math.max(this.#memoryMb, agent.memoryMb)
    this.#limiter.setCap(LOCAL_CAP, agentCapacity(this.#memoryMb))
    return createLocalBackend({ agent, machine, onCall })
  }

  /** A finished run is removed: its agents' homes go, and what git keeps of it where that is merged. */
  async forget(run: string): Promise<void> {
    const { clock, folder } = this.#options
    const { foldersOf } = await clock.operation(import('./backends/local/attempt-work.ts'))
    const folders = await clock.operation(foldersOf(folder.runFolder(run)))
    if (folders.size > 0) await (await this.#takeMachine()).forget(run, [...folders])
  }

  /** Attempts of runs that this is true of that were not let go, each with its backend. */
  async left(isWanted: (run: string) => boolean): Promise<readonly { key: AttemptKey; backend: string }[]> {
    const { clock, folder, env, workDir } = this.#options
    const { defaultWorkDir, leftAttempts } = await clock.operation(import('./backends/local/work-place.ts'))
    const runFolder = (run: string) => folder.runFolder(run)
    try {
      const places = { dataDir: folder.path, workDir: workDir ?? defaultWorkDir(env), runFolder }
      return await clock.operation(leftAttempts(places, isWanted))
    } catch {
      // There is no place where worktrees could be.
      return []
    }
  }

  async close(): Promise<void> {
    await (await this.#machine?.catch(() => undefined))?.close()
  }

  /** Once; what failed is tried again by whoever needs it next. */
  #takeMachine(): Promise<LocalMachine> {
    if (this.#machine === undefined) {
      this.#machine = this.#makeMachine()
      this.#machine.catch(() => {
        this.#machine = undefined
      })
    }
    return this.#machine
  }

  async #makeMachine(): Promise<LocalMachine> {
    const { clock } = this.#options
    const { LocalMachine } = await clock.operation(import('./backends/local/local-machine.ts'))
    const { folder } = this.#options
    const runFolder = (run: string) => folder.runFolder(run)
    const machine = new LocalMachine({ ...this.#options, dataDir: folder.path, runFolder })
    // What an earlier process has left running is ended before anything else.
    await machine.owner()
    return machine
  }
}

/** An agent by its backend's id. Throws UsageError that names those there are. */
export async function findAgent(id: string, described: AgentDescriptions | undefined): Promise<LocalAgent> {
  const [kind, name = ''] = id.split(':')
  if (kind === 'acp') {
    const { acpAgent, ACP_PRESETS } = await import('./backends/acp/acp-agents.ts')
    return acpAgent(name, described?.acp[name]) ?? refuse(id, [...ACP_PRESETS, ...Object.keys(described?.acp ?? {})])
  }
  const { commandAgent, COMMAND_PRESETS } = await import('./backends/command/command-agents.ts')
  const known = [...Object.keys(COMMAND_PRESETS), ...Object.keys(described?.command ?? {})]
  return commandAgent(name, described?.command[name]) ?? refuse(id, known)
}

function refuse(id: string, known: readonly string[]): never {
  const [kind] = id.split(':')
  const names = [...new Set(known)].map((name) => `${kind}:${name}`).join(', ')
  throw new UsageError(
    `There is no agent '${id}'. There are: ${names}; describe others under agents: in troupe.config.yaml.`,
  )
}
