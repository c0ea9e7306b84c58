import type { Failure } from '../domain/backend.ts'
import type { DecisionOutput } from '../machines/effects.ts'
import type { PauseReason } from '../machines/supervisor-machine.ts'
import type { RunPorts } from './run-ports.ts'
import type { GivenUpRun, RunProjection } from './run-projection.ts'

/** What actions say during a transition: it enters that transition's record, or follows it at once. */
export interface Said {
  readonly data: Record<string, unknown>
  readonly alerts: { readonly code: string; readonly message: string }[]
}

type Attempt = { task: string; attempt: number }
type Decided = { decision: DecisionOutput; turn: number; round: number }

/** The named actions of agents and of the manager. What reaches outside the run does so after the transition. */
export function agentActions(ports: RunPorts, said: () => Said, projection: RunProjection): object {
  return {
    releaseSlots: (_: unknown, { task, attempt }: Attempt) => ports.releaseSlots(task, attempt),
    holdSlots: (_: unknown, { task, attempt }: Attempt) => ports.holdSlots(task, attempt),
    giveUpAgentRun: (_: unknown, given: GivenUpRun) => {
      if (given.ref === undefined && given.intentAt === undefined) return
      // Given up at its deadline, and cancelled before the next attempt: it is watched already, or its late end was told.
      if (projection.live.get(given.task)?.gaveUp === given.attempt) return
      said().data['gaveUp'] = given
      queueMicrotask(() => ports.watchGivenUp(given))
    },
    blockAccount: (_: unknown, { task, failure }: Attempt & { failure: Failure }) =>
      queueMicrotask(() => ports.blockAccount(task, failure)),
    applyDecision: (_: unknown, { decision, turn, round }: Decided) => {
      said().data['decision'] = { ...decision, turn, round }
    },
    raiseAlert: (_: unknown, alert: { code: string; message: string }) => said().alerts.push(alert),
  }
}

/** What the supervisor's actions do to its run. */
export interface SupervisedRun {
  startReady(): void
  advance(actor: string): void
  quarantine(actor: string, error: unknown): void
  cancelAgents(): void
  finishManager(): void
}

/** The named actions of the supervisor. */
export function supervisorActions(ports: RunPorts, run: SupervisedRun): object {
  return {
    startReady: () => run.startReady(),
    advance: (_: unknown, { actor }: { actor: string }) => run.advance(actor),
    quarantine: (_: unknown, { actor, error }: { actor: string; error: unknown }) =>
      queueMicrotask(() => run.quarantine(actor, error)),
    closeIntents: (_: unknown, reason: PauseReason) => ports.closeIntents(reason),
    openIntents: () => ports.openIntents(),
    cancelAgents: () => run.cancelAgents(),
    finishManager: () => run.finishManager(),
  }
}
