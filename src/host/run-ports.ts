import type { Failure } from '../domain/backend.ts'
import type { PauseReason } from '../machines/supervisor-machine.ts'
import type { ProvidedEffect } from './durable-actors.ts'
import type { GivenUpRun } from './run-projection.ts'

/** What a run asks of the process around it. */
export interface RunPorts {
  readonly effects: Readonly<Record<string, ProvidedEffect>>
  /** No effect starts before this resolves. */
  readonly gate: Promise<void>
  /** The inputs of a task's machine and of the manager's. */
  agentInput(task: string): object
  managerInput(): object
  releaseSlots(task: string, attempt: number): void
  /** Takes an attempt's slots without waiting: its agent run may be there already. */
  holdSlots(task: string, attempt: number): void
  /** A given-up agent run is to be watched until it ends. */
  watchGivenUp(given: GivenUpRun): void
  blockAccount(task: string, failure: Failure): void
  closeIntents(reason: PauseReason): void
  openIntents(): void
  /** The items of a forEach task; throws when its list cannot be used. */
  countItems(task: string): Promise<number>
  /** Whether a task whose needs are settled runs by its `if`. */
  holdsCondition(task: string): Promise<boolean>
}
