import type { AnyEventObject } from 'xstate'
import type { PauseReason } from '../../src/machines/supervisor-machine.ts'

/** Every state in which a supervisor can rest; `finishing` once for each outcome. */
export type SupervisorState =
  | 'starting'
  | 'running'
  | 'paused'
  | 'finishing.completed'
  | 'finishing.failed'
  | 'finishing.cancelled'
  | 'completed'
  | 'failed'
  | 'cancelled'

/** Why a person paused. */
export const PAUSED: PauseReason = { kind: 'person', message: 'Paused by a person' }
const settled = (outcome: 'completed' | 'failed' | 'cancelled') => ({ type: 'graph.settled', outcome })

/** Every event of a supervisor. */
export const supervisorEvents = {
  host: {
    begin: { type: 'run.begin' },
    completed: settled('completed'),
    failed: settled('failed'),
    cancelled: settled('cancelled'),
    idle: { type: 'run.idle' },
  },
  commands: {
    pause: { type: 'run.pause', reason: PAUSED },
    continue: { type: 'run.continue' },
    cancel: { type: 'run.cancel' },
  },
  children: {
    done: { type: 'xstate.done.actor.a', actorId: 'a', output: undefined },
    error: { type: 'xstate.error.actor.a', actorId: 'a', error: new Error('broken') },
  },
} as const satisfies Record<string, Record<string, AnyEventObject>>

const { host, commands } = supervisorEvents
const running = [host.begin]

/** A way to each state. */
export const supervisorPaths: Readonly<Record<SupervisorState, readonly AnyEventObject[]>> = {
  starting: [],
  running,
  paused: [...running, commands.pause],
  'finishing.completed': [...running, host.completed],
  'finishing.failed': [...running, host.failed],
  'finishing.cancelled': [...running, commands.cancel],
  completed: [...running, host.completed, host.idle],
  failed: [...running, host.failed, host.idle],
  cancelled: [...running, commands.cancel, host.idle],
}
