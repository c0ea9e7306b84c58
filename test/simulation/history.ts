import type { AgentRunRef } from '../../src/domain/backend.ts'
import { type AttemptKey, formatKey } from '../../src/domain/ids.ts'
import type { JournalRecord, RunRecord } from '../../src/domain/record.ts'
import type { TaskSpec, Workflow } from '../../src/domain/workflow.ts'
import { isFinalState } from '../../src/machines/public-state.ts'
import type { Damaged } from './damage.ts'
import type { CallKind, Provider } from './provider.ts'

/** What can be seen from outside, in the order in which it happens. */
export type Seen =
  /** A record is on the disk, safe from a power cut; `isOld`: an earlier process wrote it, and it was read back. */
  | { readonly kind: 'durable'; readonly record: JournalRecord; readonly isOld: boolean }
  /** A subscriber was told a record. */
  | { readonly kind: 'told'; readonly record: RunRecord }
  /** A call leaves the process. */
  | {
      readonly kind: 'sent'
      readonly call: CallKind
      readonly key?: AttemptKey | undefined
      readonly turn?: number | undefined
    }
  /** A call reaches the provider. */
  | { readonly kind: 'arrived'; readonly call: CallKind; readonly key?: AttemptKey | undefined }
  /** What the provider answered; 0 for a broken connection, and for nothing at all no such step. */
  | { readonly kind: 'answered'; readonly call: CallKind; readonly status: number; readonly body: string }
  /** The provider made an agent run, or gave one a new turn. */
  | { readonly kind: 'created'; readonly key: AttemptKey; readonly id: number }
  | { readonly kind: 'prompted'; readonly key: AttemptKey; readonly turn: number; readonly id: number }
  /** A process took the folder, or left it. */
  | { readonly kind: 'opened'; readonly intents: 'open' | 'closed' }
  | { readonly kind: 'gone'; readonly how: string }
  /** A person said something, and what was answered. */
  | { readonly kind: 'said'; readonly run: string; readonly task: string; readonly command: string }
  | {
      readonly kind: 'refused'
      readonly run: string
      readonly task: string
      readonly command: string
      readonly why: string
    }
  /** The disk was damaged while nobody held the folder. */
  | ({ readonly kind: 'damaged' } & Damaged)
  /** The machine's clock was set back. */
  | { readonly kind: 'set back'; readonly ms: number }
  /** The disk is full, or somebody has made room. */
  | { readonly kind: 'disk'; readonly isFull: boolean }
  /** A run has ended, or waits for somebody. */
  | { readonly kind: 'settled'; readonly run: string; readonly exitCode: number; readonly why: string }
  | { readonly kind: 'end' }

/** What happened and when: the trace of a seed. */
export type Step = Seen & { readonly at: number; readonly position: number }

/** One actor as its durable records tell it. */
export interface ActorPast {
  readonly kind: string
  state: string
  n: number
  attempt: number
  /** Seq of its last transition. */
  seq: number
  /** Times it reached `completed`. */
  completions: number
}

/** States in which a turn after the first is sent. */
const PROMPTING = new Set(['running.prompting', 'running.answering', 'running.steering', 'reporting.repairing'])

/** One run as its durable records tell it. */
export class RunPast {
  readonly run: string
  /** With all that a manager has added. */
  workflow: Workflow
  seq = 0
  told = 0
  readonly records: JournalRecord[] = []
  readonly actors = new Map<string, ActorPast>()
  readonly expansions = new Map<string, number>()
  /** TASK/ATTEMPT that were allowed to be created; TURNS that were allowed to be sent. */
  readonly intents = new Set<string>()
  /** RUN/TASK/ATTEMPT -> id of the agent run that its attempt owns. */
  readonly owned = new Map<string, string>()
  /** RUN/TASK/ATTEMPT of agent runs that were given up, and of those whose late end was recorded. */
  readonly givenUp = new Set<string>()
  readonly lateEnds = new Set<string>()
  /** Those that may be known to nobody: given up, also where that record was lost, or created by a lost record. */
  readonly mayBeUnknown = new Set<string>()
  /** Seqs of records that a damage of the disk has taken. */
  readonly lost = new Set<number>()
  /** How much a person added to the budget. */
  readonly raised: Record<string, number> = {}
  /** TASK/ATTEMPT that a person had retried while it was the newest. */
  readonly retried = new Set<string>()
  /** Durable commands: the newest by subject, and how many of each kind. */
  readonly lastCommand = new Map<string, { readonly event: string; readonly seq: number }>()
  readonly commands = new Map<string, number>()

  constructor(run: string, workflow: Workflow) {
    this.run = run
    this.workflow = workflow
  }

  get status(): string {
    return this.actors.get('supervisor')?.state ?? 'starting'
  }

  get ended(): boolean {
    return isFinalState(this.status)
  }

  fold(record: JournalRecord): void {
    this.seq = record.seq
    this.records.push(record)
    if (record.type === 'transition') this.#allow(record)
    else if (record.type === 'command') this.#command(record)
    this.#stand(record)
  }

  /** From now on the run stands where the other records leave it. What was allowed, paid and said stays so. */
  lose(seq: number): void {
    this.lost.add(seq)
    const { to, actor, attempt = 0 } = this.records[seq - 1] ?? {}
    // Whoever ends the attempt before it is created again ends the search for it: that its create had left is known to nobody.
    if (to === 'creating' && actor !== undefined) {
      this.mayBeUnknown.add(formatKey({ run: this.run, task: actor.id, attempt }))
    }
    for (const known of [this.actors, this.expansions, this.givenUp, this.lateEnds]) known.clear()
    for (const record of this.records) if (!this.lost.has(record.seq)) this.#stand(record)
  }

  /** Where a record leaves the run. */
  #stand(record: JournalRecord): void {
    if (record.type === 'transition') this.#transition(record)
    else if (record.type === 'plan' && record.task !== undefined) {
      this.expansions.set(record.task, Number(record.data?.['count']))
    }
    const late = record.data?.['lateEnd'] as { holder?: string } | undefined
    if (late?.holder !== undefined) this.lateEnds.add(late.holder)
  }

  #allow({ actor, to, attempt = 0, data }: JournalRecord): void {
    if (to === 'creating') this.intents.add(`${actor.id}/${attempt}`)
    if (PROMPTING.has(to ?? '')) this.intents.add(`${actor.id}/${attempt}/${Number(data?.['turn'])}`)
    const ref = data?.['ref'] as AgentRunRef | undefined
    if (ref !== undefined) this.owned.set(formatKey({ run: this.run, task: actor.id, attempt }), ref.id)
    const gaveUp = data?.['gaveUp'] as { task: string; attempt: number } | undefined
    if (gaveUp !== undefined) this.mayBeUnknown.add(formatKey({ run: this.run, ...gaveUp }))
    const added = (data?.['decision'] as { tasks?: readonly TaskSpec[] } | undefined)?.tasks ?? []
    const known = new Set(this.workflow.tasks.map(({ id }) => id))
    const tasks = [...this.workflow.tasks, ...added.filter(({ id }) => !known.has(id))]
    if (added.length > 0) this.workflow = { ...this.workflow, tasks }
  }

  #transition(record: JournalRecord): void {
    const { actor, to = '', attempt = 0, data } = record
    const before = this.actors.get(actor.id)
    this.actors.set(actor.id, {
      kind: actor.kind,
      state: to,
      n: record.host?.n ?? 0,
      attempt,
      seq: record.seq,
      completions: (before?.completions ?? 0) + (to === 'completed' ? 1 : 0),
    })
    const gaveUp = data?.['gaveUp'] as { task: string; attempt: number } | undefined
    if (gaveUp !== undefined) this.givenUp.add(formatKey({ run: this.run, ...gaveUp }))
  }

  #command(record: JournalRecord): void {
    const type = String(record.data?.['command'])
    const subject = record.task ?? ''
    // Adopting a late result is completing the task with it.
    const isLate = type === 'adopt' && record.data?.['attempt'] !== undefined
    this.lastCommand.set(subject, { event: isLate ? 'task.complete' : `task.${type}`, seq: record.seq })
    if (type === 'retry') this.retried.add(`${subject}/${this.actors.get(subject)?.attempt}`)
    const name = `${subject} ${type}`
    this.commands.set(name, (this.commands.get(name) ?? 0) + 1)
    for (const [limit, more] of Object.entries((record.data?.['budget'] ?? {}) as Record<string, number>)) {
      this.raised[limit] = (this.raised[limit] ?? 0) + more
    }
  }
}

/** Everything that was seen in one seed. */
export class History {
  readonly steps: Step[] = []
  readonly runs = new Map<string, RunPast>()
  readonly provider: Provider
  /** When calls reached the provider, ms, by the window they count in. */
  readonly arrivals = { create: [] as number[], shared: [] as number[] }
  readonly creations = new Map<string, number>()
  readonly turns = new Map<string, number>()
  /** Commands that were not refused (or whose answer nobody heard), by `RUN TASK TYPE`. */
  readonly given = new Map<string, number>()
  /** `closed`: whoever holds the folder only came to say something, and nothing of a run may go on because of it. */
  intents: 'open' | 'closed' = 'open'
  /** Every run had ended once: what runs said of the limits did not hold all the time. */
  wereAllEnded = false
  readonly limits: Readonly<Partial<Record<string, { readonly max: number; readonly windowMs: number } | 'none'>>>
  readonly #workflowOf: (name: string) => Workflow

  constructor(provider: Provider, limits: History['limits'], workflowOf: (name: string) => Workflow) {
    this.provider = provider
    this.limits = limits
    this.#workflowOf = workflowOf
  }

  /** The run that a record belongs to. */
  runOf(record: Pick<RunRecord, 'run' | 'type' | 'data'>): RunPast {
    let past = this.runs.get(record.run)
    if (past === undefined) {
      past = new RunPast(record.run, this.#workflowOf(String(record.data?.['name'])))
      this.runs.set(record.run, past)
    }
    return past
  }

  /** Takes note of a step, after the invariants were asked about it. */
  fold(step: Step): void {
    this.steps.push(step)
    if (step.kind === 'durable') {
      this.runOf(step.record).fold(step.record)
      this.wereAllEnded ||= [...this.runs.values()].every(({ ended }) => ended)
    } else if (step.kind === 'opened') this.intents = step.intents
    else if (step.kind === 'damaged' && step.seq !== undefined) this.runs.get(step.run)?.lose(step.seq)
    else if (step.kind === 'told') this.runOf(step.record).told = step.record.seq
    else if (step.kind === 'arrived') {
      this.arrivals.shared.push(step.at)
      if (step.call === 'create') this.arrivals.create.push(step.at)
    } else if (step.kind === 'created') count(this.creations, formatKey(step.key))
    else if (step.kind === 'prompted') count(this.turns, `${formatKey(step.key)}/${step.turn}`)
    else if (step.kind === 'said') {
      count(this.given, `${step.run} ${step.task} ${step.command}`)
      // A cancel settles agents at their backends even there.
      if (step.command === 'cancel' && step.task === '') this.intents = 'open'
    } else if (step.kind === 'refused') count(this.given, `${step.run} ${step.task} ${step.command}`, -1)
  }
}

function count(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by)
}
