import type { RunCommand, TaskCommand } from '../../src/domain/command.ts'
import { CommandRefusedError, NotFoundError, UsageError } from '../../src/domain/errors.ts'
import type { Orchestrator } from '../../src/domain/orchestration.ts'
import type { RunView, TaskView } from '../../src/domain/views.ts'
import { isFinalState } from '../../src/machines/public-state.ts'
import type { PauseReason } from '../../src/machines/supervisor-machine.ts'
import { Dice, fallOn } from './dice.ts'
import type { RunPast, Seen } from './history.ts'
import type { Provider } from './provider.ts'
import type { Saying } from './scenario.ts'
import { isFull } from './simulation.ts'

const WAITING = [
  'escalated',
  'escalated.overdue',
  'escalated.doubtful',
  'running.needsInput',
  'running.asking',
  'escalated.undecided',
  'pending.approval',
  'pending.paused',
]

export interface PersonOptions {
  readonly seed: number
  readonly provider: Provider
  readonly see: (seen: Seen) => void
  readonly onTrouble: (message: string) => void
  /** The process that is spoken to now. */
  readonly listener: () => { readonly isDead: boolean } | undefined
  /** Whether nobody holds the folder, or whoever does is leaving: then nothing is begun any more. */
  readonly isLeft: () => boolean
}

/** Whoever looks at the runs now and then: answers what waits, mends what a person can mend, and says things nobody asked for. */
export class Person {
  readonly #options: PersonOptions
  readonly #dice: Dice

  constructor(options: PersonOptions) {
    this.#options = options
    this.#dice = new Dice(options.seed, 'person')
  }

  /** Answers whatever waits for a person. `isHasty`: decides about all that has not ended, so that it ends. */
  look(orchestrator: Orchestrator, past: RunPast, isHasty: boolean): void {
    const view = viewOf(orchestrator, past.run)
    if (view === undefined) return
    if (view.status === 'paused') this.mend(orchestrator, past)
    for (const task of [...view.tasks, ...(view.manager === undefined ? [] : [view.manager])]) {
      const waits = WAITING.includes(task.state)
      if (task.commands.length === 0 || isFinalState(task.state) || (!waits && !isHasty)) continue
      if (isHasty || this.#dice.happens(0.5)) this.#decide(orchestrator, view.run, task, isHasty)
    }
  }

  /** Says something out of the blue, legal or not. */
  async say(orchestrator: Orchestrator, runs: readonly RunPast[], saying: Saying): Promise<void> {
    const past = fallOn(runs, saying.run)
    const view = past && viewOf(orchestrator, past.run)
    if (view === undefined) return
    const { command } = saying
    if (command === 'cancel' || command === 'pause' || command === 'continue') {
      await this.#tellRun(orchestrator, view.run, { type: command })
      return
    }
    const task = fallOn(view.tasks, saying.task)
    if (task !== undefined)
      await this.#tellTask(orchestrator, view.run, task.task, taskCommand(command.replace(' task', ''), task))
  }

  /** The run is to end. */
  cancel(orchestrator: Orchestrator, run: string): void {
    const status = viewOf(orchestrator, run)?.status
    if (status === 'running' || status === 'paused') void this.#tellRun(orchestrator, run, { type: 'cancel' })
  }

  #tellRun(orchestrator: Orchestrator, run: string, command: RunCommand): Promise<string | undefined> {
    return this.#say(run, '', command.type, () => orchestrator.command(run, command))
  }

  #tellTask(orchestrator: Orchestrator, run: string, task: string, command: TaskCommand): Promise<string | undefined> {
    return this.#say(run, task, command.type, () => orchestrator.commandTask(run, task, command))
  }

  /** Resolves when it is answered: with the refusal, if it is one. */
  async #say(run: string, task: string, command: string, send: () => Promise<unknown>): Promise<string | undefined> {
    const { see, onTrouble, listener, isLeft } = this.#options
    const spokenTo = listener()
    see({ kind: 'said', run, task, command })
    try {
      await send()
    } catch (error) {
      // A full disk: it may be carried out all the same, once there is room.
      if (spokenTo?.isDead !== false || isLeft() || isFull(error)) return undefined
      const isRefusal =
        error instanceof CommandRefusedError || error instanceof UsageError || error instanceof NotFoundError
      if (!isRefusal) onTrouble(`'${command}' to ${run} ${task} failed: ${String(error)}`)
      else see({ kind: 'refused', run, task, command, why: error.message })
      return isRefusal ? error.message : undefined
    }
    return undefined
  }

  /** Mends what made the run pause, and lets it go on. */
  mend(orchestrator: Orchestrator, past: RunPast): void {
    const { provider } = this.#options
    const last = past.records.findLast(({ to }) => to === 'paused')
    const reason = last?.data?.['reason'] as PauseReason | undefined
    if (reason?.kind === 'quota') provider.raiseQuota()
    if (reason?.kind === 'auth') provider.unlock()
    void this.#continue(orchestrator, past.run, reason?.kind === 'budget')
  }

  /** What is refused for want of budget is said again with more of it. */
  async #continue(orchestrator: Orchestrator, run: string, isRaised: boolean): Promise<void> {
    const budget = { agentRuns: 3, duration: 600_000, managerTurns: 2 }
    const refusal = await this.#tellRun(orchestrator, run, { type: 'continue', ...(isRaised ? { budget } : {}) })
    if (!isRaised && refusal?.includes('raise it')) await this.#continue(orchestrator, run, true)
  }

  #decide(orchestrator: Orchestrator, run: string, task: TaskView, isHasty: boolean): void {
    const { task: name, state, commands, late = [] } = task
    const endings = commands.filter(
      (name) => name === 'skip' || name === 'fail' || name === 'complete' || name === 'cancel',
    )
    const wanted = commands.filter((name) => name === 'approve' || name === 'answer' || name === 'continue')
    // A retry of what fails for ever would go on for ever.
    const some = this.#dice.happens(0.6) ? (wanted.length > 0 ? wanted : endings) : commands
    const chosen = isHasty ? endings : some
    const isOffered = late.some(({ commands: legal }) => legal.includes('adopt'))
    const command = isOffered && this.#dice.happens(0.5) ? 'adopt late' : fallOn(chosen, this.#dice.roll())
    if (command === undefined) this.#options.onTrouble(`${name} is ${state} and takes no command that ends it`)
    else void this.#tellTask(orchestrator, run, name, taskCommand(command, task))
  }
}

const PLAIN = ['retry', 'skip', 'adopt', 'approve', 'pause', 'continue', 'cancel'] as const

function taskCommand(name: string, { attempts, late = [] }: TaskView): TaskCommand {
  // Of what has come late, or of anything, which is refused.
  if (name === 'adopt late') return { type: 'adopt', attempt: late[0]?.attempt ?? attempts.length }
  if (name === 'complete') return { type: 'complete', result: { list: ['a person’s part'] } }
  if (name === 'wait') return { type: 'wait', ms: 20_000 }
  if (name === 'answer' || name === 'steer') return { type: name, text: `A person’s ${name}` }
  if (name === 'reject') return { type: name, reason: 'A person said so' }
  if (PLAIN.includes(name as 'retry')) return { type: name as 'retry' }
  return { type: 'fail', reason: 'A person said so' }
}

function viewOf(orchestrator: Orchestrator, run: string): RunView | undefined {
  try {
    return orchestrator.view(run)
  } catch (error) {
    // It may be the very moment before the run is carried.
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
