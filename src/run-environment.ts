import type { RunContext } from './actors/run-context.ts'
import type { AgentOrder, AgentRunRef, Backend, Failure } from './domain/backend.ts'
import type { Clock } from './domain/clock.ts'
import { BackendError } from './domain/errors.ts'
import { formatKey, MANAGER } from './domain/ids.ts'
import type { Json, JsonObject } from './domain/json.ts'
import type { Limiter, SlotRequest } from './domain/limiter.ts'
import type { RunSettings } from './domain/orchestration.ts'
import type { TaskSpec } from './domain/workflow.ts'
import type { ResultStore } from './host/result-store.ts'
import type { RunHost } from './host/run-host.ts'
import { type GivenUpRun, holderOfDouble } from './host/run-projection.ts'
import type { NewsOutput, PromptInput } from './machines/effects.ts'
import { SignsOfLife } from './signs-of-life.ts'
import { TaskOutcomes } from './task-outcomes.ts'
import { buildPrompt, quote } from './workflow/build-prompt.ts'
import { checkOutput } from './workflow/output-schema.ts'
import { roleLine } from './workflow/role.ts'
import { renderTemplate } from './workflow/template.ts'

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
  readonly backend: (id: string) => Backend
  readonly onBlocked: (account: string, failure: Failure) => void
  /** A second agent run of an attempt is to be watched until it ends. */
  readonly onDouble: (double: GivenUpRun) => void
}

const NOT_TO_RUN = { kind: 'refused', retryable: false, certain: true } as const

/** What one settled task's line to the manager may hold, characters. */
const TOLD = 1_500

/** What all of a turn's texts may hold together, characters, and how many names it lists. */
const TOLD_IN_ALL = 48_000
const NAMED = 200

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing new'
  const rest = names.length - NAMED
  return `${names.slice(0, NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

/** One run's view of the process around it: what its effects are given. */
export class RunEnvironment implements RunContext {
  readonly run: string
  readonly clock: Clock
  readonly limiter: Limiter
  readonly seed: number
  readonly outcomes: TaskOutcomes
  readonly signs = new SignsOfLife()
  readonly #options: RunEnvironmentOptions
  /** Attempts that may have been created although no record says so: task/attempt -> since when. */
  readonly #searched = new Map<string, number>()
  /** Attempts by task that were granted an agent run of the budget. */
  readonly #reserved = new Map<string, number>()

  constructor(options: RunEnvironmentOptions) {
    this.#options = options
    this.run = options.run
    this.clock = options.clock
    this.limiter = options.limiter
    this.seed = options.seed
    this.outcomes = new TaskOutcomes(options.host, options.inputs, options.results)
  }

  get reportEveryMs(): number {
    return this.#host.workflow.manager?.reportEveryMs ?? 0
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
    const backend = `backend:${this.backendOf(task).account}`
    if (task === MANAGER) return [backend]
    return [`run:${this.run}`, backend, ...this.spec(task).uses.map((name) => `resource:${name}`)]
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

  blockAccount(task: string, failure: Failure): void {
    this.#options.onBlocked(this.backendOf(task).account, failure)
  }

  graceMs(task: string): number {
    return this.#options.settings.graceMs ?? this.backendOf(task).graceMs
  }

  reserveBudget(task: string, attempt: number): string | undefined {
    const { agentRuns, durationMs } = this.#host.workflow.budget
    const { created, startedAt, raised, pausedMs, live } = this.#host.projection
    // A put-back create of the same attempt was counted before.
    if (live.get(task)?.counted === attempt) return undefined
    if (agentRuns !== undefined) {
      const allowed = agentRuns + (raised['agentRuns'] ?? 0)
      if (created + this.#reservedBeside(task) >= allowed) return `The budget of ${allowed} agent runs is used up`
    }
    if (durationMs !== undefined && this.clock.now() - startedAt - pausedMs > durationMs + (raised['duration'] ?? 0)) {
      return `The budget of ${Math.round((durationMs + (raised['duration'] ?? 0)) / 60_000)} minutes is used up`
    }
    this.#reserved.set(task, attempt)
    return undefined
  }

  pauseForBudget(reason: string): boolean {
    if (this.#host.status === 'running') this.#host.pause({ kind: 'budget', message: reason })
    return this.#host.status === 'paused'
  }

  async order(task: string, attempt: number, extras: { failure?: Failure; prompt?: string }): Promise<AgentOrder> {
    const key = { run: this.run, task, attempt }
    if (task === MANAGER) return this.#managerOrder(key, extras.failure)
    const spec = this.spec(task)
    if (spec.forEach !== undefined && !task.endsWith(']'))
      throw new BackendError(`The items of ${task} cannot be made: complete, skip or fail it`, NOT_TO_RUN)
    const text = renderTemplate(
      extras.prompt ?? spec.prompt,
      await this.outcomes.scope(task, extras.prompt ?? spec.prompt),
    )
    return {
      key,
      prompt: buildPrompt({
        key,
        turn: 1,
        roleLine: roleLine(this.#host.workflow.roles, spec.role),
        text,
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
    }
  }

  async managerTurn(input: PromptInput): Promise<string> {
    const key = { run: this.run, task: MANAGER, attempt: input.attempt }
    const settled = this.#host.projection.settledAfter(input.toldUpTo).filter(([, task]) => task.seq <= input.upTo)
    const lines = [`Completed batch: ${listed(settled.map(([id, task]) => `${id} (${task.status})`))}.`]
    let length = 0
    for (const [id, task] of settled) {
      const text = (task.result ?? task.reason ?? '').slice(0, TOLD)
      length += text.length
      if (length > TOLD_IN_ALL) {
        lines.push('What the rest returned is left out here.')
        break
      }
      if (text !== '') lines.push(`${id}, ${task.status}:`, quote(text))
    }
    lines.push(
      input.final
        ? 'The run is over. Sum up what was achieved and what is left.'
        : 'The run goes on by itself. Note what matters; nothing is asked of you now.',
    )
    return buildPrompt({ key, turn: input.turn, roleLine: '', text: lines.join('\n\n') })
  }

  news(toldUpTo: number): NewsOutput {
    const { projection, finishing } = this.#host
    const newest = projection.settledAfter(toldUpTo).at(-1)?.[1].seq
    return { upTo: newest ?? toldUpTo, changed: newest !== undefined && this.#mayTell(), final: finishing }
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

  /** Agent runs that others reserved and whose records do not count them yet: several may be granted at one instant (I10). */
  #reservedBeside(task: string): number {
    const { live } = this.#host.projection
    for (const [other, attempt] of this.#reserved) {
      const actor = live.get(other)
      const counts = actor === undefined || actor.attempt > attempt || actor.counted === attempt
      if (counts || other === task) this.#reserved.delete(other)
    }
    return this.#reserved.size
  }

  get #host(): RunHost {
    return this.#options.host()
  }

  #mayTell(): boolean {
    const turns = this.#host.workflow.budget.managerTurns
    const context = this.#host.actors.context(MANAGER)
    const raised = this.#host.projection.raised['managerTurns'] ?? 0
    return turns === undefined || Number(context?.['turn'] ?? 1) < turns + raised
  }

  async #managerOrder(key: AgentOrder['key'], failure: Failure | undefined): Promise<AgentOrder> {
    const spec = this.#host.workflow.manager
    const tasks = this.#host.workflow.tasks
      .slice(0, 100)
      .map(({ id, role }) => (role === undefined ? id : `${id} (${role})`))
    const text = [
      renderTemplate(spec?.prompt ?? '', { inputs: this.#options.inputs, tasks: {} }),
      `The tasks of this run: ${tasks.join(', ')}. You will be told what they return.`,
    ].join('\n\n')
    return {
      key,
      prompt: buildPrompt({
        key,
        turn: 1,
        roleLine: '',
        text,
        ...(failure === undefined ? {} : { failure }),
        ...(spec?.simulate === undefined ? {} : { simulate: spec.simulate }),
      }),
      ...(spec?.repository === undefined ? {} : { repository: spec.repository }),
      ...(spec?.model === undefined ? {} : { model: spec.model }),
      ...(spec?.simulate === undefined ? {} : { simulate: spec.simulate }),
    }
  }
}
