import { acquireSlots } from './actors/acquire-slots.ts'
import { awaitNews } from './actors/await-news.ts'
import { checkWork } from './actors/check-work.ts'
import { createAgentRun } from './actors/create-agent-run.ts'
import { diagnoseFailure } from './actors/diagnose-failure.ts'
import { promptAgentRun } from './actors/prompt-agent-run.ts'
import { readDecision } from './actors/read-decision.ts'
import { type EndedLate, readLateEnd } from './actors/read-late-end.ts'
import { readReport } from './actors/read-report.ts'
import { reconcileAgentRun } from './actors/reconcile-agent-run.ts'
import { settleAgentRun } from './actors/settle-agent-run.ts'
import { watchAgentRun } from './actors/watch-agent-run.ts'
import type { Backend, Failure } from './domain/backend.ts'
import { cleanUsage } from './domain/budget.ts'
import type { Clock } from './domain/clock.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
import type { Effect } from './domain/effect.ts'
import { UsageError } from './domain/errors.ts'
import { formatKey, MANAGER } from './domain/ids.ts'
import type { JsonObject } from './domain/json.ts'
import type { LateEnd } from './domain/late-end.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunOutcome, RunSettings } from './domain/orchestration.ts'
import type { Workflow } from './domain/workflow.ts'
import type { GivenUpRuns } from './given-up-runs.ts'
import type { ProvidedEffect } from './host/durable-actors.ts'
import type { Journal } from './host/journal.ts'
import type { ResultStore } from './host/result-store.ts'
import { RunHost } from './host/run-host.ts'
import type { RunPorts } from './host/run-ports.ts'
import { type GivenUpRun, holderOfDouble, type RunProjection } from './host/run-projection.ts'
import { YES } from './machines/planning-machine.ts'
import { mainState } from './machines/public-state.ts'
import type { PauseReason } from './machines/supervisor-machine.ts'
import { RunEnvironment } from './run-environment.ts'
import { agentPolicy, managerPolicy } from './run-policies.ts'
import { endedOutcome } from './run-view.ts'
import type { SharedLimits } from './shared-limits.ts'
import { backendsOf } from './workflow-backends.ts'

/** What a run needs of the process that carries it. */
export interface CarriedRunOptions {
  readonly run: string
  readonly workflow: Workflow
  readonly inputs: JsonObject
  readonly settings: RunSettings
  readonly seed: number
  readonly clock: Clock
  readonly limiter: Limiter
  readonly shared: SharedLimits
  readonly givenUp: GivenUpRuns
  readonly journal: Journal
  readonly projection: RunProjection
  readonly results: ResultStore
  readonly backend: (id: string) => Backend
  /** 402, 401, 403 from an account: it is closed for everybody. */
  readonly onBlocked: (account: string, failure: Failure) => void
  /** `continue`: what was closed is tried again. */
  readonly onOpened: (accounts: readonly string[]) => void
  /** Effects wait for this; it resolves at once unless intents are closed. */
  readonly gate: Promise<void>
}

/** The attempt has slots in these states; on restore it takes them back without waiting. */
const HOLDING = new Set(['creating', 'running', 'reporting', 'cancelling'])
/** A person must act before an agent in one of these goes on. */
const WAITING = new Set([
  'escalated',
  'escalated.conflict',
  'escalated.doubtful',
  'running.needsInput',
  'pending.approval',
  'pending.paused',
])
/** The same of a manager that plans. */
const MANAGER_WAITING = new Set(['running.asking', 'escalated', 'escalated.undecided', 'escalated.doubtful'])

/** One run, wired: its host, its environment, its effects. */
export class CarriedRun {
  readonly host: RunHost
  readonly environment: RunEnvironment
  readonly #options: CarriedRunOptions

  constructor(options: CarriedRunOptions) {
    this.#options = options
    const host = () => this.host
    this.environment = new RunEnvironment({ ...options, host, onDouble: (double) => this.#watchGivenUp(double) })
    this.host = new RunHost({ ...options, ports: this.#ports() })
    options.shared.declare(options.run, options.workflow, options.settings)
  }

  /**
   * Lets the run go on after a restore: slots are held again, effects that were owed start again. `tryAgain`: what was closed
   * for want of quota, credentials or disk is opened by whoever resumes; a person's pause and a used-up budget stay.
   */
  restore(tryAgain: boolean): void {
    const { projection, limiter, run } = this.#options
    for (const [task, { state, attempt }] of projection.live) {
      const holds = HOLDING.has(mainState(state)) || state === 'escalated.overdue' || state === 'escalated.undecided'
      if (holds && task !== 'supervisor') limiter.adopt(formatKey({ run, task, attempt }), this.environment.caps(task))
    }
    this.host.restore()
    this.environment.releaseLeft()
    for (const given of projection.givenUp.values()) this.#watchGivenUp(given)
    const reason = this.host.reason
    if (tryAgain && reason !== undefined && reason.kind !== 'person' && reason.kind !== 'budget') {
      this.host.actors.send('supervisor', { type: 'run.continue' })
    } else if (reason !== undefined) {
      this.#closeIntents(reason)
    }
    this.host.proceed()
    if (this.#options.settings.yes === true) this.#approveAll()
  }

  /** Whoever resumes with `--yes` approves what has waited since before, and answers what the manager asks. */
  #approveAll(): void {
    const { host } = this
    for (const id of [...host.actors.ids()]) {
      if (host.actors.state(id) === 'pending.approval')
        host.actors.send(id, { type: 'task.approve', by: '--yes' } as never)
    }
    if (host.actors.state(MANAGER) === 'running.asking')
      host.actors.send(MANAGER, { type: 'task.answer', text: YES } as never)
  }

  /** Has a task of a run that had ended repeated: the run goes on. Throws CommandRefusedError, and then nothing has changed. */
  reopen(task: string, by: CommandOrigin | undefined): Promise<CommandReply> {
    const { host } = this
    const reply = host.commandTask(task, { type: 'rerun' }, by)
    if (!host.ended) for (const given of host.projection.givenUp.values()) this.#watchGivenUp(given)
    return reply
  }

  /** Throws UsageError when a person's result does not fit the task's output. */
  refuseUnfit(task: string, command: TaskCommand): void {
    if (command.type !== 'complete') return
    const wrong = this.environment.checkOutput(task, command.result)
    if (wrong !== undefined) throw new UsageError(`${task} cannot be completed with this result: ${wrong}`)
  }

  /** Throws UsageError when a used-up budget is to go on as it is, or only parts of it are raised that nothing bounds. */
  refuseVain(command: RunCommand): void {
    if (command.type === 'continue') this.environment.budget.refuseVain(command.budget)
  }

  /** The outcome once the run has ended or nothing of it can progress without a person; undefined before. */
  outcome(): RunOutcome | undefined {
    const { host } = this
    const { status, run } = host
    if (host.ended) return endedOutcome(run, status, () => host.projection.failed())
    if (!this.#isQuiet()) return undefined
    const { reason } = host
    const credentials = reason?.kind === 'auth' || reason?.kind === 'disk'
    return { run, status, exitCode: credentials ? 2 : 3, reason: reason?.message ?? 'A person must decide' }
  }

  /** Stops every effect without a record: the process ends. What the run said of shared limits holds for what is still on its way. */
  stop(): void {
    this.#options.givenUp.stop(this.#options.run)
    this.host.actors.close()
  }

  /** Stops every effect without a record, and carries the run no longer. */
  close(): void {
    this.#options.givenUp.stop(this.#options.run)
    this.#letGo()
  }

  /** The run has ended: nothing of it is needed any more but the watch of agents that were given up. */
  retire(): void {
    this.#options.givenUp.ended(this.#options.run)
    this.#letGo()
  }

  #letGo(): void {
    this.host.actors.close()
    this.#options.shared.drop(this.#options.run)
  }

  #watchGivenUp({ task, attempt, ref, intentAt }: GivenUpRun): void {
    const { host, environment } = this
    if (host.ended || host.closed) return
    const { run, givenUp } = this.#options
    const caps = environment.caps(task).filter((name) => !name.startsWith('run:'))
    const graceMs = environment.graceMs(task)
    const abandoned = {
      key: { run, task, attempt },
      backend: environment.backendOf(task),
      caps,
      ref,
      intentAt,
      graceMs,
    }
    givenUp.watch(abandoned, (ended, signal) => this.#tellLateEnd(ended, signal))
  }

  async #tellLateEnd(ended: EndedLate, signal: AbortSignal): Promise<void> {
    const { host, environment } = this
    const { run, task, attempt } = ended.key
    const holder = holderOfDouble(run, { task, attempt, ref: ended.ref })
    const isDouble = host.projection.givenUp.has(holder)
    const end = isDouble ? endOfDouble(holder, ended) : await readLateEnd(environment)(ended, signal)
    // It may have been let go, or have ended, while the report was read.
    if (signal.aborted || host.ended || host.closed) return
    host.note(task, attempt, { lateEnd: end as unknown as JsonObject, late: sayLateEnd(attempt, end) })
  }

  #isQuiet(): boolean {
    const { host } = this
    const paused = host.status === 'paused'
    if ((host.status !== 'running' && !paused) || host.progress.busy) return false
    // Without credentials nothing can be read either: what runs cannot be seen to end.
    if (paused && host.reason?.kind === 'auth') return true
    let waiting = paused
    for (const id of host.actors.ids()) {
      if (id === 'supervisor') continue
      const state = host.actors.state(id) ?? ''
      if (id === MANAGER) {
        if (state === 'running.idle' || (paused && state === 'pending')) continue
        if (!MANAGER_WAITING.has(state)) return false
        waiting = true
        continue
      }
      if (WAITING.has(state)) waiting = true
      else if (!(paused && state === 'pending')) return false
    }
    return waiting
  }

  #ports(): RunPorts {
    const { limiter, run, gate } = this.#options
    const { environment } = this
    const effects: Record<string, ProvidedEffect> = {
      acquireSlots: this.#effect(acquireSlots(environment), false),
      createAgentRun: this.#effect(createAgentRun(environment), true),
      reconcileAgentRun: this.#effect(reconcileAgentRun(environment), false),
      watchAgentRun: this.#effect(watchAgentRun(environment), false),
      checkWork: this.#effect(checkWork(environment), false),
      readReport: this.#effect(readReport(environment), false),
      readDecision: this.#effect(readDecision(environment), false),
      diagnoseFailure: this.#effect(diagnoseFailure(environment), false),
      settleAgentRun: this.#effect(settleAgentRun(environment), true),
      promptAgentRun: this.#effect(promptAgentRun(environment), true),
      awaitNews: this.#effect(awaitNews(environment), false),
    }
    return {
      effects,
      gate,
      agentInput: (task) => ({ run, task, policy: agentPolicy(task, this.environment, this.#options) }),
      managerInput: () => ({ run, policy: managerPolicy(this.#options) }),
      releaseSlots: (task, attempt) => environment.release(task, attempt),
      watchGivenUp: (given) => this.#watchGivenUp(given),
      holdSlots: (task, attempt) => limiter.adopt(formatKey({ run, task, attempt }), environment.caps(task)),
      blockAccount: (task, failure) => this.#options.onBlocked(environment.backendOf(task).account, failure),
      closeIntents: (reason) => this.#closeIntents(reason),
      openIntents: () => {
        this.#options.onOpened(this.#accounts())
        limiter.continueRun(run)
      },
      countItems: (task) => environment.outcomes.countItems(task),
      holdsCondition: (task) => environment.outcomes.holdsCondition(task),
    }
  }

  #closeIntents({ kind, message }: PauseReason): void {
    const { limiter, run } = this.#options
    limiter.pauseRun(run, { kind: kind === 'person' || kind === 'disk' ? 'paused' : kind, name: run, detail: message })
  }

  #effect<Input, Output>(run: Effect<Input, Output>, writes: boolean): ProvidedEffect {
    return { run: run as Effect<never, unknown>, writes }
  }

  #accounts(): readonly string[] {
    return [...backendsOf(this.#options.workflow)].map((id) => this.#options.backend(id).account)
  }
}

/** A second agent run of an attempt may have done the same work again: nothing of it is used. */
function endOfDouble(holder: string, { ref, state }: EndedLate): LateEnd {
  const url = state?.url ?? ref?.url
  const status = state?.rawStatus ?? state?.status ?? 'gone'
  const usage = cleanUsage(state?.usage)
  return {
    holder,
    status,
    ...(url === undefined ? {} : { url }),
    ...(usage === undefined ? {} : { usage }),
    usable: false,
    reason: 'the older one of two is used',
  }
}

function sayLateEnd(attempt: number, { status, url, usable, reason }: LateEnd): string {
  const where = url === undefined ? '' : ` at ${url}`
  const use = usable ? 'its result may be adopted' : reason
  return `Attempt ${attempt} ended after it was given up: ${status}${where}; ${use}`
}
