import type { News, OrderExtras, RunContext } from './actors/run-context.ts'
import type { AgentOrder, AgentRunRef, Backend, Failure } from './domain/backend.ts'
import type { Usage } from './domain/budget.ts'
import type { Clock } from './domain/clock.ts'
import { BackendError } from './domain/errors.ts'
import { formatKey, MANAGER, SUPERVISOR } from './domain/ids.ts'
import type { Json, JsonObject } from './domain/json.ts'
import type { Limiter, SlotRequest } from './domain/limiter.ts'
import type { CheckSpec } from './domain/local-work.ts'
import type { RunSettings } from './domain/orchestration.ts'
import type { TaskSpec } from './domain/workflow.ts'
import type { Journal } from './host/journal.ts'
import type { ResultStore } from './host/result-store.ts'
import type { RunHost } from './host/run-host.ts'
import { type GivenUpRun, holderOfDouble } from './host/run-projection.ts'
import { LOCAL_CAP } from './local-agents.ts'
import type { DecisionOutput, PromptInput } from './machines/effects.ts'
import { ManagerEnvironment } from './manager-environment.ts'
import { workspaceOf } from './needed-work.ts'
import { RunBudget } from './run-budget.ts'
import { SignsOfLife } from './signs-of-life.ts'
import { TaskOutcomes } from './task-outcomes.ts'
import { addedText, turnText } from './turn-texts.ts'
import { buildPrompt } from './workflow/build-prompt.ts'
import { checkOutput } from './workflow/output-schema.ts'
import { roleLine } from './workflow/role.ts'

/** What a run's environment is made of. */
export interface RunEnvironmentOptions {
  readonly run: string
  readonly host: () => RunHost
  readonly inputs: JsonObject
  readonly settings: RunSettings
  readonly seed: number
  readonly clock: Clock
  readonly limiter: Limiter
  readonly results: ResultStore
  readonly journal: Journal
  readonly backend: (id: string) => Backend
  readonly onBlocked: (account: string, failure: Failure) => void
  /** A second agent run of an attempt is to be watched until it ends. */
  readonly onDouble: (double: GivenUpRun) => void
}

const NOT_TO_RUN = { kind: 'refused', retryable: false, certain: true } as const

/** One run's view of the process around it: what its effects are given. */
export class RunEnvironment implements RunContext {
  readonly run: string
  readonly clock: Clock
  readonly limiter: Limiter
  readonly seed: number
  readonly outcomes: TaskOutcomes
  readonly budget: RunBudget
  readonly signs = new SignsOfLife()
  readonly #options: RunEnvironmentOptions
  readonly #manager: ManagerEnvironment
  /** Attempts that may have been created although no record says so: task/attempt -> since when. */
  readonly #searched = new Map<string, number>()

  constructor(options: RunEnvironmentOptions) {
    this.#options = options
    this.run = options.run
    this.clock = options.clock
    this.limiter = options.limiter
    this.seed = options.seed
    this.outcomes = new TaskOutcomes(options.host, options.inputs, options.results)
    this.#manager = new ManagerEnvironment(options.host, options.inputs)
    this.budget = new RunBudget(options.host, options.clock, (task) => this.spec(task))
  }

  get reportEveryMs(): number {
    const manager = this.#host.workflow.manager
    // A plan waits for each decision.
    return manager?.planning === undefined ? (manager?.reportEveryMs ?? 0) : 0
  }

  backendOf(task: string): Backend {
    const spec = task === MANAGER ? this.#host.workflow.manager : this.spec(task)
    return this.#options.backend(spec?.backend ?? 'codegen')
  }

  /** The spec of a task, or of the forEach task that an item belongs to. */
  spec(task: string): TaskSpec {
    return this.outcomes.spec(task)
  }

  /** Caps that an attempt holds; the manager takes no place of the run's own concurrency. */
  caps(task: string): readonly string[] {
    const { account, capabilities } = this.backendOf(task)
    const backend = `backend:${account}`
    // It is idle most of the time, and those that it waits for need the room.
    if (task === MANAGER) return [backend]
    const machine = capabilities.worktree === true ? [LOCAL_CAP] : []
    return [`run:${this.run}`, backend, ...machine, ...this.spec(task).uses.map((name) => `resource:${name}`)]
  }

  slots(task: string, attempt: number): SlotRequest {
    const backend = this.backendOf(task)
    return {
      holder: formatKey({ run: this.run, task, attempt }),
      run: this.run,
      caps: this.caps(task),
      account: backend.account,
      buckets: backend.createBuckets,
      priority: task === MANAGER ? 'high' : this.spec(task).priority,
      remaining: task === MANAGER ? Number.MAX_SAFE_INTEGER : this.#host.progress.remaining(task),
    }
  }

  /** After damaged records: each of these attempts may have been created before. */
  searchFirst(attempts: readonly (readonly [task: string, attempt: number])[]): void {
    for (const [task, attempt] of attempts) this.#searched.set(`${task}/${attempt}`, this.#host.projection.startedAt)
  }

  searchSince(task: string, attempt: number): number | undefined {
    return this.#searched.get(`${task}/${attempt}`)
  }

  searched(task: string, attempt: number): void {
    this.#searched.delete(`${task}/${attempt}`)
  }

  /** Nobody needs an attempt's agent any more; its backend is told once that is durable. */
  release(task: string, attempt: number): void {
    this.limiter.release(formatKey({ run: this.run, task, attempt }))
    const backend = this.backendOf(task)
    if (backend.release === undefined) return
    queueMicrotask(() => {
      const { journal } = this.#options
      void journal
        .committed(this.#host.projection.seq)
        .then(() => backend.release?.({ run: this.run, task, attempt }))
        .catch(() => {})
    })
  }

  /** After a restart: attempts that were over before it, and that nobody may have lived to let go. */
  releaseLeft(): void {
    const { projection } = this.#host
    const release = (task: string, upTo: number) => {
      const backend = this.backendOf(task)
      for (let attempt = 1; attempt <= upTo; attempt++) backend.release?.({ run: this.run, task, attempt })
    }
    for (const [task, { attempt }] of projection.settled) release(task, attempt)
    for (const [task, { attempt }] of projection.live) if (task !== SUPERVISOR) release(task, attempt - 1)
  }

  blockAccount(task: string, failure: Failure): void {
    this.#options.onBlocked(this.backendOf(task).account, failure)
  }

  graceMs(task: string): number {
    return this.#options.settings.graceMs ?? this.backendOf(task).graceMs
  }

  reserveBudget(task: string, attempt: number): string | Usage | undefined {
    return this.budget.reserve(task, attempt)
  }

  pauseForBudget(reason: string): boolean {
    if (this.#host.status === 'running') this.#host.pause({ kind: 'budget', message: reason })
    return this.#host.status === 'paused'
  }

  async order(task: string, attempt: number, extras: OrderExtras): Promise<AgentOrder> {
    const key = { run: this.run, task, attempt }
    const workspace = this.#workspace(task, extras.resolve === true)
    if (task === MANAGER) return { ...(await this.#manager.order(key, extras.failure)), ...workspace }
    const spec = this.spec(task)
    if (spec.forEach !== undefined && !task.endsWith(']'))
      throw new BackendError(`The items of ${task} cannot be made: complete, skip or fail it`, NOT_TO_RUN)
    if (spec.planned && spec.prompt === '' && extras.prompt === undefined)
      throw new BackendError(`The record of the decision that added ${task} cannot be read`, NOT_TO_RUN)
    const asked = await this.outcomes.promptText(task, extras.prompt)
    const text = [asked, ...(extras.additions ?? []).map(addedText)].join('\n\n')
    return {
      key,
      prompt: buildPrompt({
        key,
        turn: 1,
        roleLine: roleLine(this.#host.workflow.roles, spec.role),
        text,
        ...(workspace.workspace === undefined
          ? {}
          : { worktree: spec.check === undefined ? {} : { check: spec.check } }),
        ...(spec.output === undefined ? {} : { output: spec.output }),
        ...(extras.failure === undefined ? {} : { failure: extras.failure }),
        ...(spec.simulate === undefined ? {} : { simulate: spec.simulate }),
      }),
      ...(spec.role === undefined ? {} : { role: spec.role }),
      ...(spec.repository === undefined ? {} : { repository: spec.repository }),
      ...(spec.model === undefined ? {} : { model: spec.model }),
      ...(spec.agentType === undefined ? {} : { agentType: spec.agentType }),
      ...(spec.images === undefined ? {} : { images: spec.images }),
      ...(spec.estimateMs === undefined ? {} : { estimateMs: spec.estimateMs }),
      ...(spec.simulate === undefined ? {} : { simulate: spec.simulate }),
      ...workspace,
    }
  }

  /** Where a local agent is to work. */
  #workspace(task: string, resolves: boolean): Pick<AgentOrder, 'workspace'> {
    if (this.backendOf(task).capabilities.worktree !== true) return {}
    const { workflow, projection } = this.#host
    const { directory = process.cwd() } = this.#options.settings
    const sources = { ...projection, spec: (id: string) => this.spec(id), directory }
    const { repository } = workflow.manager ?? {}
    const manager = { needs: [], ...(repository === undefined ? {} : { repository }) }
    return { workspace: workspaceOf(task === MANAGER ? manager : this.spec(task), resolves, sources) }
  }

  turnText(input: PromptInput): Promise<string> {
    return turnText(this.#host, input)
  }

  checkDecision(result: Json, lastRound: boolean): DecisionOutput {
    return this.#manager.checkDecision(result, lastRound)
  }

  news(toldUpTo: number, due: boolean): News {
    return this.#manager.news(toldUpTo, due)
  }

  newsChanged(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#host.onNews(resolve)
    })
  }

  stuckAfterMs(task: string): number {
    return task === MANAGER ? (this.#host.workflow.manager?.timeoutMs ?? 600_000) : this.spec(task).stuckAfterMs
  }

  checkOf(task: string): CheckSpec | undefined {
    return task === MANAGER ? undefined : this.spec(task).check
  }

  checkOutput(task: string, output: Json): string | undefined {
    const schema = task === MANAGER ? undefined : this.spec(task).output
    return schema === undefined ? undefined : checkOutput(schema, output)
  }

  async keepResult(task: string, attempt: number, turn: number, text: string): Promise<string> {
    const stored = await this.#options.results.save({ task, attempt, turn }, text)
    return 'file' in stored ? stored.file : ''
  }

  signOfLife(task: string, attempt: number, at: number | undefined): void {
    if (at === undefined) this.signs.forget(task, attempt)
    else this.signs.saw(task, attempt, at)
  }

  progress(task: string, attempt: number, data: JsonObject): void {
    if (!this.#host.ended) this.#host.note(task, attempt, data)
  }

  alert(code: string, message: string, task?: string): void {
    if (!this.#host.ended) this.#host.alert(code, message, task)
  }

  reportDouble(task: string, attempt: number, ref: AgentRunRef): void {
    const double = { task, attempt, ref }
    const where = ref.url ?? ref.id
    // It may have been found before, by a search that a restart repeats.
    if (this.#host.ended || this.#host.projection.givenUp.has(holderOfDouble(this.run, double))) return
    this.progress(task, attempt, { double: double as unknown as JsonObject })
    this.#options.onDouble(double)
    this.alert(
      'double',
      `${task}: a second agent run bears the mark of attempt ${attempt}: ${where}. The older one is used.`,
      task,
    )
  }

  get #host(): RunHost {
    return this.#options.host()
  }
}
