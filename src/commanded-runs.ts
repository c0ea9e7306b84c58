import type { CarriedRuns } from './carried-runs.ts'
import type { FolderReader } from './data-folder-reader.ts'
import type { CommandOrigin, CommandReply, RunCommand, TaskCommand } from './domain/command.ts'
import { CommandRefusedError, NotFoundError } from './domain/errors.ts'
import { MANAGER } from './domain/ids.ts'
import type { Workflow } from './domain/workflow.ts'
import { isFinalState } from './machines/public-state.ts'
import type { RunFacts } from './registry.ts'
import type { RunKeeper } from './run-keeper.ts'
import { stateOfTask } from './run-view.ts'
import { unknownRun } from './stored-run.ts'

/** What people say to runs. One that is not carried yet is restored for it; one that has ended takes nothing. */
export class CommandedRuns {
  readonly #runs: CarriedRuns
  readonly #reader: FolderReader
  readonly #openIntents: () => void

  constructor(runs: CarriedRuns, reader: FolderReader, openIntents: () => void) {
    this.#runs = runs
    this.#reader = reader
    this.#openIntents = openIntents
  }

  async command(run: string, command: RunCommand, by: CommandOrigin | undefined): Promise<CommandReply> {
    const keeper = await this.#carried(run)
    if (keeper === undefined) {
      const { facts } = await this.#known(run)
      throw new CommandRefusedError(run, command.type, facts.status, [])
    }
    // A cancel settles agents at their backends even where everything else is held back.
    if (command.type === 'cancel') this.#openIntents()
    return keeper.command(command, by)
  }

  async commandTask(
    run: string,
    task: string,
    command: TaskCommand,
    by: CommandOrigin | undefined,
  ): Promise<CommandReply> {
    if (command.type === 'rerun') return this.#rerun(run, task, by)
    const keeper = await this.#carried(run)
    const { workflow, facts } = await this.#known(run)
    // Of a forEach task all items are told.
    const state = facts.expansions.has(task) ? facts.status : stateOfTask(workflow, facts, task)
    if (state === undefined) throw new NotFoundError(`Task ${task} of ${run}`, `'troupe show ${run}' lists its tasks.`)
    if (keeper === undefined) {
      const legal = task === MANAGER || !isFinalState(state) ? [] : ['rerun']
      throw new CommandRefusedError(`${run} ${task}`, command.type, state, legal)
    }
    const reply = await keeper.commandTask(task, command, by)
    if (command.type === 'retry') this.#runs.tryAccountOf(keeper, task)
    return reply
  }

  /** A run that has ended goes on with that. */
  async #rerun(run: string, task: string, by: CommandOrigin | undefined): Promise<CommandReply> {
    for (;;) {
      const keeper = await this.#carried(run)
      if (keeper !== undefined && !keeper.carried.host.ended) return keeper.commandTask(task, { type: 'rerun' }, by)
      // Its end is not durable yet.
      await keeper?.settled()
      if (keeper?.failure !== undefined) throw keeper.failure
      const reply = await this.#runs.reopen(run, task, by)
      if (reply !== undefined) return reply
    }
  }

  /** The run, restored if it is not carried yet; undefined once it has ended. Throws NotFoundError, and DataFolderError after the closing. */
  async #carried(run: string): Promise<RunKeeper | undefined> {
    this.#runs.refuseWhenClosed()
    if (this.#runs.get(run) === undefined && !(await this.#runs.restore(run, false))) return undefined
    const keeper = this.#runs.get(run)
    if (keeper === undefined && this.#runs.ended.get(run) === undefined) throw unknownRun(run)
    return keeper
  }

  async #known(run: string): Promise<{ readonly workflow: Workflow; readonly facts: RunFacts }> {
    const facts = this.#runs.facts(run)
    const workflow = this.#runs.workflow(run)
    if (facts !== undefined && workflow !== undefined) return { workflow, facts }
    const stored = await this.#reader.stored(run)
    return { workflow: stored.definition.workflow, facts: stored.facts }
  }
}
