import type { Json } from '../domain/json.ts'
import type { TaskOutcome } from '../domain/report.ts'
import { branchesOf } from './needed-branches.ts'

/** What `tasks.X` is in a template or condition. */
export interface TaskTemplateView {
  readonly status: TaskOutcome['status']
  readonly result: string
  readonly output: Json
  readonly report: Json
  /** One result an item in order; a task without forEach has one. */
  readonly results: readonly string[]
  readonly outputs: readonly Json[]
  /** How many items failed; 0 or 1 without forEach. */
  readonly failed: number
  readonly pullRequests: Json
  /** The branches of the pull requests, each once. */
  readonly branches: readonly string[]
}

/** The properties of {@link TaskTemplateView}. */
export const VIEW_PROPERTIES: readonly string[] = [
  'status',
  'result',
  'output',
  'report',
  'results',
  'outputs',
  'failed',
  'pullRequests',
  'branches',
]

/** How templates see a settled task. */
export function templateView(outcome: TaskOutcome): TaskTemplateView {
  const result = outcome.result ?? ''
  const output = outcome.output ?? null
  return {
    status: outcome.status,
    result,
    output,
    report: toJson(outcome.report),
    results: [result],
    outputs: [output],
    failed: outcome.status === 'failed' ? 1 : 0,
    pullRequests: toJson(outcome.pullRequests),
    branches: branchesOf(outcome.pullRequests),
  }
}

/** How templates see a `forEach` task: its items' values in order, its status as in the graph. */
export function templateViewOfItems(outcomes: readonly TaskOutcome[]): TaskTemplateView {
  const results = outcomes.map((outcome) => outcome.result ?? '')
  const outputs = outcomes.map((outcome) => outcome.output ?? null)
  const failed = outcomes.filter((outcome) => outcome.status === 'failed').length
  return {
    status: aggregateStatus(outcomes.map((outcome) => outcome.status)),
    result: results.join('\n\n'),
    output: outputs,
    report: null,
    results,
    outputs,
    failed,
    pullRequests: toJson(outcomes.flatMap((outcome) => outcome.pullRequests)),
    branches: branchesOf(outcomes.flatMap((outcome) => outcome.pullRequests)),
  }
}

/**
 * The status of a `forEach` task when all its items have settled: failed when one failed, else cancelled when one was
 * cancelled, else skipped when all were skipped (and there were any), else completed.
 */
function aggregateStatus(statuses: Iterable<TaskOutcome['status']>): TaskOutcome['status'] {
  const seen = new Set(statuses)
  if (seen.has('failed')) return 'failed'
  if (seen.has('cancelled')) return 'cancelled'
  return seen.has('skipped') && !seen.has('completed') ? 'skipped' : 'completed'
}

function toJson(value: unknown): Json {
  return value === undefined ? null : JSON.parse(JSON.stringify(value))
}
