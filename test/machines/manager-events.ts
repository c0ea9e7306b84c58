import type { AnyEventObject } from 'xstate'
import type { ManagerInput } from '../../src/machines/manager-context.ts'
import { done, effectEvents, failed } from './effect-events.ts'

/** Every state in which the manager can rest. */
export type ManagerState =
  | 'pending'
  | 'creating.calling'
  | 'creating.reconciling'
  | 'running.idle'
  | 'running.prompting'
  | 'running.deciding'
  | 'reporting'
  | 'recovering'
  | 'retrying'
  | 'cancelling'
  | 'completed'
  | 'failed'
  | 'cancelled'

/** Every event of the manager, by where it comes from. */
export const managerEvents = {
  commands: { cancel: { type: 'manager.cancel' }, finish: { type: 'manager.finish' } },
  ...effectEvents,
  news: {
    changed: done('news', { upTo: 20, changed: true, final: false }),
    last: done('news', { upTo: 30, changed: true, final: true }),
    nothing: done('news', { upTo: 30, changed: false, final: true }),
    error: failed('news', 'internal', { retryable: false }),
  },
  prompt: { done: done('prompt', null), error: failed('prompt', 'unreachable') },
  timers: {
    promptDeadline: { type: 'xstate.after.turnDeadline.manager.live.running.prompting' },
    turnDeadline: { type: 'xstate.after.turnDeadline.manager.live.running.deciding' },
    reportDeadline: { type: 'xstate.after.turnDeadline.manager.live.reporting' },
    retryDelay: { type: 'xstate.after.retryDelay.manager.live.retrying' },
  },
} as const satisfies Record<string, Record<string, AnyEventObject>>

/** A manager of two attempts. */
export function managerInput(): ManagerInput {
  const policy = { attempts: 2, delayMs: 2_000, factor: 2, maxDelayMs: 60_000, timeoutMs: 600_000, seed: 1 }
  return { run: 'run_1', policy }
}

const { commands, slots, create, watch, report, news, prompt, diagnose, settle } = managerEvents
const deciding = [slots.done, create.done]
const reporting = [...deciding, watch.complete]
const idle = [...reporting, report.done]
const recovering = [...deciding, watch.failed]

/** A way to each state. */
export const managerPaths: Readonly<Record<ManagerState, readonly AnyEventObject[]>> = {
  pending: [],
  'creating.calling': [slots.done],
  'creating.reconciling': [slots.done, create.uncertain],
  'running.idle': idle,
  'running.prompting': [...idle, news.changed],
  'running.deciding': [...idle, news.changed, prompt.done],
  reporting,
  recovering,
  retrying: [...recovering, diagnose.retryable],
  cancelling: [...deciding, commands.cancel],
  completed: [...idle, news.nothing],
  failed: [...recovering, diagnose.hopeless],
  cancelled: [...deciding, commands.cancel, settle.stopped],
}
