/**
 * The root actor of a run: code, never a model. Starts agents as their needs settle and ends the run.
 *
 *   starting -> running <-> paused
 *   running | paused -> finishing -> completed | failed | cancelled
 *   A run that had ended and has something to do again gets a new actor, which begins in running.
 *
 * Its children are kept by the host outside the snapshot; the graph is the host's projection of task records. So its context holds
 * no counts of tasks and it writes a record only when its own state changes. I4: it starts what the graph says is ready. I5: each
 * settled task is followed by `advance`, which starts all that became ready. It handles every child's end and error.
 */
import { assign, setup } from 'xstate'

/** Why a run does not create agents. */
export interface PauseReason {
  readonly kind: 'person' | 'quota' | 'auth' | 'budget' | 'disk'
  readonly message: string
}

export interface SupervisorInput {
  readonly run: string
  /** The run had ended, and goes on. */
  readonly reopened?: boolean
}

export interface SupervisorContext {
  readonly run: string
  readonly reopened?: true
  readonly outcome?: 'completed' | 'failed' | 'cancelled' | undefined
  readonly reason?: PauseReason | undefined
}

export type SupervisorEvent =
  /** The host is ready: workflow, limits and backends are there. */
  | { type: 'run.begin' }
  | { type: 'run.pause'; reason: PauseReason }
  | { type: 'run.continue' }
  | { type: 'run.cancel' }
  /** Every task is settled. */
  | { type: 'graph.settled'; outcome: 'completed' | 'failed' | 'cancelled' }
  /** No agent and no manager is live any more. */
  | { type: 'run.idle' }
  | { type: 'xstate.done.actor.*'; actorId: string }
  | { type: 'xstate.error.actor.*'; actorId: string; error: unknown }

const machine = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
  },
  actions: {
    /** Starts the manager and every task that is ready. */
    startReady: () => {},
    /** Marks the graph with what settled and starts what became ready. */
    advance: (_, _params: { actor: string }) => {},
    /** An actor broke; its task is put before a person. */
    quarantine: (_, _params: { actor: string; error: unknown }) => {},
    closeIntents: (_, _params: PauseReason) => {},
    openIntents: () => {},
    cancelAgents: () => {},
    /** The manager is told of the rest and ends. */
    finishManager: () => {},
  },
  guards: {
    isReopened: ({ context }) => context.reopened === true,
    isOutcome: ({ context }, params: { outcome: string }) => context.outcome === params.outcome,
  },
})

const cancel = { target: 'finishing', actions: [machine.assign({ outcome: 'cancelled' }), 'cancelAgents'] } as const
const settle = {
  target: 'finishing',
  actions: [
    machine.assign(({ event }) =>
      event.type === 'graph.settled' ? { outcome: event.outcome, reason: undefined } : {},
    ),
    'finishManager',
  ],
} as const

export const supervisorMachine = machine.createMachine({
  id: 'supervisor',
  context: ({ input }) => ({ run: input.run, ...(input.reopened ? { reopened: true as const } : {}) }),
  initial: 'starting',
  on: {
    'xstate.done.actor.*': { actions: { type: 'advance', params: ({ event }) => ({ actor: event.actorId }) } },
    'xstate.error.actor.*': {
      actions: { type: 'quarantine', params: ({ event }) => ({ actor: event.actorId, error: event.error }) },
    },
  },
  states: {
    starting: {
      always: { guard: 'isReopened', target: 'running' },
      on: {
        'run.begin': { target: 'running', actions: 'startReady' },
        'run.cancel': cancel,
      },
    },
    running: {
      on: {
        'run.pause': {
          target: 'paused',
          actions: [
            assign(({ event }) => ({ reason: event.reason })),
            { type: 'closeIntents', params: ({ event }) => event.reason },
          ],
        },
        'run.cancel': cancel,
        'graph.settled': settle,
      },
    },
    paused: {
      on: {
        'run.continue': { target: 'running', actions: [assign({ reason: undefined }), 'openIntents', 'startReady'] },
        'run.cancel': cancel,
        'graph.settled': settle,
      },
    },
    finishing: {
      on: {
        'run.cancel': { actions: [assign({ outcome: 'cancelled' }), 'cancelAgents'] },
        'run.idle': [
          { guard: { type: 'isOutcome', params: { outcome: 'cancelled' } }, target: 'cancelled' },
          { guard: { type: 'isOutcome', params: { outcome: 'failed' } }, target: 'failed' },
          { target: 'completed' },
        ],
      },
    },
    completed: { type: 'final' },
    failed: { type: 'final' },
    cancelled: { type: 'final' },
  },
})
