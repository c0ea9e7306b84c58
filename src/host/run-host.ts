import type { AnyStateMachine } from 'xstate'
import type { Clock } from '../domain/clock.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from '../domain/command.ts'
import { MANAGER, SUPERVISOR } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Decision } from '../domain/planning.ts'
import type { ActorKind, JournalRecord, RecordType } from '../domain/record.ts'
import type { TaskSpec, Workflow } from '../domain/workflow.ts'
import { agentMachine } from '../machines/agent-machine.ts'
import { managerMachine } from '../machines/manager-machine.ts'
import { planningMachine } from '../machines/planning-machine.ts'
import { isFinalState } from '../machines/public-state.ts'
import { type PauseReason, supervisorMachine } from '../machines/supervisor-machine.ts'
import { DurableActors, type SettledTransition } from './durable-actors.ts'
import type { Journal } from './journal.ts'
import { LastRecords } from './last-records.ts'
import { rewindTimes } from './rewind-times.ts'
import { agentActions, type Said, type SupervisedRun, supervisorActions } from './run-actions.ts'
import { actorOf, commandRun, commandTask } from './run-commands.ts'
import type { RunPorts } from './run-ports.ts'
import { RunProgress } from './run-progress.ts'
import { isAgent, type LiveActor, type RunProjection } from './run-projection.ts'
import { type Aside, setAside } from './set-aside.ts'
import { transitionRecord } from './transition-record.ts'

export interface RunHostOptions {
  readonly run: string
  readonly workflow: Workflow
  readonly clock: Clock
  readonly journal: Journal
  readonly projection: RunProjection
  readonly ports: RunPorts
}

/** One run: its actors, its graph and its records. The one place where a run's record is made. */
export class RunHost {
  readonly run: string
  readonly projection: RunProjection
  readonly progress: RunProgress
  readonly actors: DurableActors
  readonly #options: RunHostOptions
  readonly #logic: Readonly<Record<ActorKind, AnyStateMachine>>
  readonly #lastRecords: LastRecords
  #workflow: Workflow
  #said: Said | undefined
  #finishing = false
  #changed: (() => void)[] = []

  constructor(options: RunHostOptions) {
    this.#options = options
    this.run = options.run
    this.projection = options.projection
    this.#workflow = withTasks(options.workflow, options.projection.planned)
    this.progress = new RunProgress(this, options.ports)
    this.#lastRecords = new LastRecords(options.journal)
    this.actors = new DurableActors({
      clock: options.clock,
      onTransition: (transition) => this.#record(transition),
      durable: (actor) => this.#lastRecords.durable(actor),
      gate: options.ports.gate,
      // What comes from the workflow and the settings need not be in every line, and may change at a resume.
      supplied: ['policy'],
    })
    const { effects } = options.ports
    const shared = agentActions(options.ports, () => this.#say(), this.projection)
    this.#logic = {
      supervisor: this.actors.provide(supervisorMachine, effects, supervisorActions(options.ports, this.#supervised())),
      manager: this.actors.provide(this.plans ? planningMachine : managerMachine, effects, shared),
      agent: this.actors.provide(agentMachine, effects, shared),
    }
  }

  /** The run's workflow with all that its manager has added. */
  get workflow(): Workflow {
    return this.#workflow
  }

  /** Whether the manager decides what is to be done. */
  get plans(): boolean {
    return this.#workflow.manager?.planning !== undefined
  }

  /** Starts a new run whose first record is appended here. */
  begin(data: JsonObject): void {
    this.append('run', { kind: 'supervisor', id: SUPERVISOR }, { data })
    this.actors.start('supervisor', SUPERVISOR, this.#logic.supervisor, { run: this.run })
  }

  /** Builds every live actor from its last record. A record that cannot be read puts its task before a person (I12 otherwise). */
  restore(): void {
    this.progress.rebuild()
    const supervisor = this.projection.live.get(SUPERVISOR)
    if (this.projection.reopenedFrom !== undefined) this.reopen(this.projection.reopenedFrom)
    else if (supervisor === undefined) {
      this.actors.start('supervisor', SUPERVISOR, this.#logic.supervisor, { run: this.run })
    } else if (!isFinalState(supervisor.state)) {
      this.actors.restore('supervisor', SUPERVISOR, this.#logic.supervisor, supervisor.host)
    }
    this.#finishing = supervisor?.state === 'finishing'
    for (const [id, actor] of this.projection.live) {
      if (id === SUPERVISOR || isFinalState(actor.state)) continue
      this.#restoreActor(id === MANAGER ? 'manager' : 'agent', id, actor)
    }
  }

  /** The run had ended and has something to do again: its supervisor is a new actor. */
  reopen(from: string): void {
    const begun = { from, event: 'run.reopen' }
    this.actors.start('supervisor', SUPERVISOR, this.#logic.supervisor, { run: this.run, reopened: true }, begun)
  }

  /** Lets the run go on: after `begin`, and after `restore` once effects may start. */
  proceed(): void {
    const state = this.actors.state(SUPERVISOR)
    if (state === 'starting') this.actors.send(SUPERVISOR, { type: 'run.begin' })
    else if (state === 'running' || state === 'paused') this.progress.startReady()
    else if (state === 'finishing') this.#askToFinish()
    this.checkEnd()
  }

  get status(): string {
    return this.actors.state(SUPERVISOR) ?? this.projection.live.get(SUPERVISOR)?.state ?? 'starting'
  }

  /** True once the host was dropped: nothing may be recorded any more. */
  get closed(): boolean {
    return this.actors.closed
  }

  get ended(): boolean {
    return isFinalState(this.status)
  }

  get reason(): PauseReason | undefined {
    return this.actors.context(SUPERVISOR)?.['reason'] as unknown as PauseReason | undefined
  }

  /** True when the manager has to be told of the rest and end. */
  get finishing(): boolean {
    return this.#finishing
  }

  startAgent(task: string, extra: object): void {
    const input = { ...this.#options.ports.agentInput(task), ...this.projection.firstAttempt(task), ...extra }
    this.actors.start('agent', task, this.#logic.agent, input)
  }

  startManager(extra: object = {}): void {
    const input = { ...this.#options.ports.managerInput(), ...this.projection.firstAttempt(MANAGER), ...extra }
    this.actors.start('manager', MANAGER, this.#logic.manager, input)
  }

  /** Appends one record; it is broadcast once it is durable. Returns its seq. */
  append(type: RecordType, actor: JournalRecord['actor'], rest: Partial<JournalRecord>): number {
    const record: JournalRecord = {
      seq: this.projection.seq + 1,
      at: new Date(this.#options.clock.now()).toISOString(),
      type,
      run: this.run,
      actor,
      ...rest,
    }
    this.projection.fold(record)
    this.#lastRecords.note(actor.id, record.seq)
    this.#options.journal.append(record)
    return record.seq
  }

  alert(code: string, message: string, task?: string): void {
    const actor = task === undefined ? { kind: 'supervisor' as const, id: SUPERVISOR } : actorOf(task)
    this.append('alert', actor, { ...(task === undefined ? {} : { task }), data: { code, message } })
  }

  note(task: string, attempt: number, data: JsonObject): void {
    this.append('progress', actorOf(task), { task, attempt, data })
  }

  /** Resolves once the command's record is durable. Throws CommandRefusedError. */
  command(command: RunCommand, by?: CommandOrigin): Promise<CommandReply> {
    return commandRun(this, command, by)
  }

  commandTask(task: string, command: TaskCommand, by?: CommandOrigin): Promise<CommandReply> {
    return commandTask(this, task, command, by)
  }

  /** Resolves when all that was recorded so far is durable. */
  durable(): Promise<void> {
    return this.#options.journal.committed(this.projection.seq)
  }

  pause(reason: PauseReason): void {
    this.actors.send(SUPERVISOR, { type: 'run.pause', reason } as { type: string })
  }

  /** Resolves at the next change of what settled or whether the run is finishing. */
  onNews(listener: () => void): void {
    this.#changed.push(listener)
  }

  /** Ends the graph or the run when nothing of it is left. */
  checkEnd(): void {
    const status = this.status
    if (status === 'running' || status === 'paused') {
      // A forEach without items settles without a record that would tell a manager that plans.
      if (this.plans && this.progress.graph.allSettled) this.#tellNews()
      const outcome = this.progress.outcome()
      if (outcome !== undefined) this.actors.send(SUPERVISOR, { type: 'graph.settled', outcome } as { type: string })
    } else if (status === 'finishing' && this.actors.size === 1) {
      this.actors.send(SUPERVISOR, { type: 'run.idle' })
    }
  }

  /** The manager's decision is recorded: its tasks are part of the run. */
  #addTasks(tasks: readonly TaskSpec[]): void {
    if (this.closed) return
    this.#workflow = withTasks(this.#workflow, tasks)
    this.progress.append(tasks)
    this.checkEnd()
  }

  #supplied(kind: ActorKind, id: string): JsonObject {
    const { ports } = this.#options
    const input = (kind === 'manager' ? ports.managerInput() : ports.agentInput(id)) as JsonObject
    return { policy: input['policy'] }
  }

  #restoreActor(kind: ActorKind, id: string, last: LiveActor): void {
    const host = rewindTimes(last, this.#options.clock.now())
    try {
      this.actors.restore(kind, id, this.#logic[kind], host, this.#supplied(kind, id))
    } catch (error) {
      const reason = `Its record could not be read back: ${error instanceof Error ? error.message : String(error)}`
      const context = host.snapshot?.['context'] as JsonObject | undefined
      this.#setAside({ id, reason, attempt: last.attempt, context })
    }
  }

  #setAside(aside: Aside): void {
    setAside(this, this.#options.ports, { say: () => this.#say(), take: () => this.#take() }, aside)
  }

  /** Tells those who wait for the disk that it works again. */
  repaired(): void {
    this.#lastRecords.repaired()
  }

  #record(transition: SettledTransition): void {
    const { kind, id, to } = transition
    const said = this.#take()
    this.append('transition', { kind, id }, transitionRecord(transition, said))
    const decision = said?.data['decision'] as Decision | undefined
    if (decision?.kind === 'delegate') queueMicrotask(() => this.#addTasks(decision.tasks))
    for (const { code, message } of said?.alerts ?? []) this.alert(code, message, id)
    if (isFinalState(to)) this.#lastRecords.forget(id)
    if (kind === 'supervisor' || isFinalState(to)) this.#tellNews()
  }

  #tellNews(): void {
    for (const listener of this.#changed.splice(0)) listener()
  }

  #say(): Said {
    this.#said ??= { data: {}, alerts: [] }
    return this.#said
  }

  /** What was said so far; it is said no longer. */
  #take(): Said | undefined {
    const said = this.#said
    this.#said = undefined
    return said
  }

  #supervised(): SupervisedRun {
    return {
      startReady: () => this.progress.startReady(),
      advance: (actor) => {
        this.progress.settled(actor)
        queueMicrotask(() => this.checkEnd())
      },
      quarantine: (actor, error) => this.#quarantine(actor, error),
      cancelAgents: () => this.#cancelAgents(),
      finishManager: () => this.#askToFinish(),
    }
  }

  #cancelAgents(): void {
    this.#finishing = true
    for (const id of [...this.actors.ids()]) {
      if (isAgent(id)) this.actors.send(id, { type: 'task.cancel' })
      else if (id === MANAGER) this.actors.send(id, { type: 'manager.cancel' })
    }
    queueMicrotask(() => this.checkEnd())
  }

  #askToFinish(): void {
    this.#finishing = true
    this.actors.send(MANAGER, { type: 'manager.finish' })
    this.#tellNews()
    queueMicrotask(() => this.checkEnd())
  }

  #quarantine(actor: string, error: unknown): void {
    const reason = `Its actor broke: ${error instanceof Error ? error.message : String(error)}`
    const attempt = this.projection.live.get(actor)?.attempt ?? this.projection.firstAttempt(actor).firstAttempt ?? 1
    // What it said on the way to breaking belongs to no record.
    this.#take()
    this.#setAside({ id: actor, reason, attempt, context: this.actors.context(actor) })
    this.checkEnd()
  }
}

function withTasks(workflow: Workflow, tasks: readonly TaskSpec[]): Workflow {
  return tasks.length === 0 ? workflow : { ...workflow, tasks: [...workflow.tasks, ...tasks] }
}
