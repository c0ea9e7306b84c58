import type { AnyEventObject } from 'xstate'
import type { Decision } from '../../src/domain/planning.ts'
import type { ManagerInput, ManagerPolicy } from '../../src/machines/manager-context.ts'
import { done, effectEvents, failed } from './effect-events.ts'
import { managerEvents } from './manager-events.ts'

/** Every state in which a manager that plans can rest. */
export type PlanningState =
  | 'pending'
  | 'creating.calling'
  | 'creating.reconciling'
  | 'running.idle'
  | 'running.prompting'
  | 'running.deciding'
  | 'running.asking'
  | 'reporting'
  | 'recovering'
  | 'retrying'
  | 'escalated.waiting'
  | 'escalated.undecided'
  | 'escalated.doubtful'
  | 'escalated.overdue'
  | 'cancelling'
  | 'completed'
  | 'failed'
  | 'cancelled'

const HOPELESS = { retryable: false, certain: true } as const
const DELEGATE: Decision = { kind: 'delegate', tasks: [], reason: 'There is more to do.' }
const FINISH: Decision = { kind: 'finish', summary: 'Done.', outcome: 'completed' }
const ASK: Decision = { kind: 'ask', question: 'Which database?' }
const { report: _report, ...shared } = effectEvents

/** Every event of a manager that plans, by where it comes from. */
export const planningEvents = {
  commands: {
    cancel: { type: 'manager.cancel' },
    finish: { type: 'manager.finish' },
    answer: { type: 'task.answer', text: 'PostgreSQL' },
    retry: { type: 'task.retry' },
    wait: { type: 'task.wait' },
    complete: { type: 'task.complete', result: 'Done by hand' },
    fail: { type: 'task.fail', reason: 'It is not worth it' },
  },
  ...shared,
  news: managerEvents.news,
  prompt: managerEvents.prompt,
  decision: {
    delegate: done('decision', DELEGATE),
    finish: done('decision', FINISH),
    ask: done('decision', ASK),
    refused: done('decision', { kind: 'refused', problems: ['there is no such task'] }),
    error: failed('decision', 'internal', HOPELESS),
  },
  timers: managerEvents.timers,
} as const satisfies Record<string, Record<string, AnyEventObject>>

/** A manager of two attempts and three decisions. */
export function planningInput(policy: Partial<ManagerPolicy> = {}, more: Partial<ManagerInput> = {}): ManagerInput {
  const retry = { attempts: 2, delayMs: 2_000, factor: 2, maxDelayMs: 60_000 }
  return { run: 'run_1', policy: { ...retry, timeoutMs: 600_000, seed: 1, rounds: 3, ...policy }, ...more }
}

const { commands, slots, create, reconcile, watch, news, prompt, decision, diagnose, settle, timers } = planningEvents
const deciding = [slots.done, create.done]
const reporting = [...deciding, watch.complete]
const idle = [...reporting, decision.delegate]
const recovering = [...deciding, watch.failed]
const again = [news.changed, prompt.done, watch.complete]
const refused = [decision.refused, ...again]

/** A way to each state. */
export const planningPaths: Readonly<Record<PlanningState, readonly AnyEventObject[]>> = {
  pending: [],
  'creating.calling': [slots.done],
  'creating.reconciling': [slots.done, create.uncertain],
  'running.idle': idle,
  'running.prompting': [...idle, news.changed],
  'running.deciding': [...idle, news.changed, prompt.done],
  'running.asking': [...reporting, decision.ask],
  reporting,
  recovering,
  retrying: [...recovering, diagnose.retryable],
  'escalated.waiting': [...recovering, diagnose.hopeless],
  'escalated.undecided': [...reporting, ...refused, ...refused, decision.refused],
  'escalated.doubtful': [slots.done, create.uncertain, reconcile.unknown],
  'escalated.overdue': [...deciding, timers.turnDeadline],
  cancelling: [...deciding, commands.cancel],
  completed: [...reporting, decision.finish],
  failed: [...recovering, diagnose.hopeless, commands.fail],
  cancelled: [...deciding, commands.cancel, settle.stopped],
}
