import { AccountCalls } from './account-calls.ts'
import { createCodegenBackend, declareCodegenLimits } from './backends/codegen/codegen-backend.ts'
import type { StandIn } from './backends/codegen/stand-in/stand-in.ts'
import { isEmbedded, LIVE_CODEGEN_URL, organizationNumber } from './codegen-environment.ts'
import type { AgentDescriptions } from './domain/agent-description.ts'
import type { Backend } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import { UsageError } from './domain/errors.ts'
import type { Limiter } from './domain/limiter.ts'
import type { BackendCall, FolderHealth } from './domain/measure.ts'
import type { RunSettings } from './domain/orchestration.ts'
import type { RateLimit } from './domain/workflow.ts'
import { LocalAgents, type LocalAgentsOptions } from './local-agents.ts'
import { isLocalBackend } from './workflow/backend-names.ts'

/** Where the Codegen API is and who we are there. From the environment; never recorded. */
export interface CodegenEnvironment {
  readonly token?: string
  readonly organizationId?: string
  /** Without `/v1`. */
  readonly baseUrl?: string
  /** Where agent runs tell of their end, and what that is signed with. */
  readonly webhook?: { readonly url: string; readonly secret: string }
}

/** What local agents are given. */
export interface LocalOptions {
  /** Beside the presets, and instead of them. */
  readonly agents?: AgentDescriptions
  /** Where worktrees and private homes are made; default: the user's state folder. */
  readonly workDir?: string
  /** Where agents are looked for, and what they are given parts of. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface AccountsOptions {
  readonly clock: Clock
  readonly limiter: Limiter
  readonly environment: CodegenEnvironment
  /** Where the embedded stand-in keeps its runs. */
  readonly standInFolder: string
  /** Agents of this machine. */
  readonly local: LocalAgentsOptions
  /** Replaces the network: tests. */
  readonly fetch?: typeof globalThis.fetch
  /** Told of each call that came back. */
  readonly onCall: (account: string, call: BackendCall) => void
}

const STAND_IN_BASE_URL = 'http://stand-in.invalid'
export const DEFAULT_SEED = 1

/** The backends of one process, made when a run first needs them. */
export class Accounts {
  readonly #options: AccountsOptions
  readonly #backends = new Map<string, Backend>()
  /** Each is made once, however many ask at the same time. */
  readonly #opening = new Map<string, Promise<void>>()
  readonly #calls: AccountCalls
  readonly #local: LocalAgents
  #standIn: StandIn | undefined

  constructor(options: AccountsOptions) {
    this.#options = options
    this.#calls = new AccountCalls(options.clock)
    this.#local = new LocalAgents(options.local, options.limiter)
  }

  /** True when Codegen is the embedded stand-in: neither a token nor a base URL is set. */
  get embedded(): boolean {
    return isEmbedded(this.#options.environment)
  }

  /** A backend that {@link open} made. */
  get(id: string): Backend {
    const backend = this.#backends.get(id)
    if (backend === undefined) throw new UsageError(`Backend '${id}' is not open`)
    return backend
  }

  /** The embedded stand-in has the repositories that a workflow names. */
  addRepositories(names: readonly string[]): void {
    this.#standIn?.addRepositories(names)
  }

  /**
   * Makes a backend unless it is there. The simulated backend and the embedded stand-in are one account for all runs of the
   * process: seed, speed and limits are those of the run that opens them first. Throws UsageError for an unknown id,
   * DataFolderError when the stand-in's file is taken.
   */
  open(id: string, settings: RunSettings): Promise<void> {
    let opening = this.#opening.get(id)
    if (opening === undefined) {
      opening = this.#make(id, settings).then((backend) => {
        this.#backends.set(id, backend)
      })
      this.#opening.set(id, opening)
      opening.catch(() => this.#opening.delete(id))
    }
    return opening
  }

  /** By account: whether its backend answers, as far as its last call shows. */
  health(): FolderHealth['backends'] {
    const accounts = [...this.#backends.values()].map(({ account }) => account)
    return Object.fromEntries(accounts.map((account) => [account, this.#calls.reachability(account)]))
  }

  /** It may be time to read an agent run; of an account that no backend is open for, or an unknown run, nothing comes. */
  hint(account: string, agentRunId: string): void {
    for (const backend of this.#backends.values()) if (backend.account === account) backend.wake?.(agentRunId)
  }

  /** A finished run is removed. */
  forgetLocal(run: string): Promise<void> {
    return this.#local.forget(run)
  }

  /** Lets go what attempts of ended runs still hold: a process may have died between the end of a run and that. */
  async releaseLeft(isEnded: (run: string) => boolean): Promise<void> {
    for (const { backend, key } of await this.#local.left(isEnded)) {
      const opened = await this.open(backend, {}).then(
        () => this.get(backend),
        () => undefined,
      )
      // One whose agent is not described any more stays, until somebody cleans up.
      opened?.release?.(key)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#backends.values()].map((backend) => backend.close()))
    await this.#local.close()
    await this.#standIn?.close()
  }

  #make(id: string, settings: RunSettings): Promise<Backend> {
    if (id === 'simulated') return this.#simulated(settings)
    if (id === 'codegen') return this.#codegen(settings)
    if (isLocalBackend(id)) return this.#local.open(id, (call) => this.#called(id, call))
    const known = 'codegen, simulated, command:NAME, acp:NAME'
    return Promise.reject(new UsageError(`There is no backend '${id}'. There are: ${known}.`))
  }

  async #simulated(settings: RunSettings): Promise<Backend> {
    const { clock } = this.#options
    const { createSimulatedBackend } = await clock.operation(import('./backends/simulated/simulated-backend.ts'))
    return createSimulatedBackend({
      clock,
      seed: settings.seed ?? DEFAULT_SEED,
      onCall: (call) => this.#called('simulated', call),
      ...(settings.speed === undefined ? {} : { speed: settings.speed }),
    })
  }

  #called(account: string, call: BackendCall): void {
    this.#calls.note(account, call)
    this.#options.onCall(account, call)
  }

  async #codegen(settings: RunSettings): Promise<Backend> {
    const { clock, limiter, environment } = this.#options
    declareCodegenLimits(limiter, 'codegen')
    const standIn = this.embedded
    const fetch = this.#options.fetch ?? (standIn ? await this.#standInFetch(settings) : undefined)
    return createCodegenBackend({
      baseUrl: environment.baseUrl ?? (standIn ? STAND_IN_BASE_URL : LIVE_CODEGEN_URL),
      token: environment.token ?? 'stand-in',
      clock,
      limiter,
      standIn,
      onCall: (call) => this.#called('codegen', call),
      // The embedded stand-in lists what it created at once.
      ...(standIn ? { graceMs: 0 } : {}),
      // It calls nobody, and would only keep the secret.
      ...(environment.webhook === undefined || standIn ? {} : { webhook: environment.webhook }),
      ...(fetch === undefined ? {} : { fetch }),
      ...(environment.organizationId === undefined
        ? {}
        : { organizationId: organizationNumber(environment.organizationId) }),
    })
  }

  async #standInFetch(settings: RunSettings): Promise<typeof globalThis.fetch> {
    const { clock, standInFolder } = this.#options
    // Only who has no account pays for loading a whole server.
    const [{ createStandIn }, { openStandInStore }] = await Promise.all([
      clock.operation(import('./backends/codegen/stand-in/stand-in.ts')),
      clock.operation(import('./backends/codegen/stand-in/store-file.ts')),
    ])
    const store = await openStandInStore(standInFolder, clock)
    const standIn = createStandIn({
      clock,
      store,
      seed: settings.seed ?? DEFAULT_SEED,
      limits: codegenLimits(settings),
      ...(settings.speed === undefined ? {} : { speed: settings.speed }),
    })
    this.#standIn = standIn
    return standIn.fetch
  }
}

/** What a person's `--limit codegen.X` means for the embedded stand-in, which would otherwise refuse what the flag allows. */
function codegenLimits(settings: RunSettings): Record<string, RateLimit> {
  const limits: Record<string, RateLimit> = {}
  for (const [name, limit] of Object.entries(settings.limits ?? {})) {
    const [account, bucket] = name.split('.')
    if (account === 'codegen' && bucket !== undefined) limits[bucket] = limit
  }
  return limits
}
