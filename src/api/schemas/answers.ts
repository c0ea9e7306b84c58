import { z } from 'zod'
import type { LogEntry } from '../../domain/backend.ts'
import type { RunOutcome } from '../../domain/orchestration.ts'
import type { RunRecord } from '../../domain/record.ts'
import type { RunSummary, RunView, TaskView } from '../../domain/views.ts'
import { component } from './component.ts'
import { logEntry, runRecord } from './records.ts'
import { names, runId, seq } from './values.ts'
import { runOutcome, runSummary, runView, taskView } from './views.ts'

/** Names one run: what began it, or ended it, took effect. */
export const runNamed = component<{ readonly run: string }>('RunNamed')(z.object({ run: runId }))

/** Names several runs. */
export const runsNamed = component<{ readonly runs: readonly string[] }>('RunsNamed')(z.object({ runs: names }))

/** A page of the list of runs. */
export const runList = component<{ readonly runs: readonly RunSummary[]; readonly more?: boolean }>('RunList')(
  z.object({
    runs: z.array(runSummary),
    more: z.boolean().describe('There are further ones, behind `limit`.').exactOptional(),
  }),
)

export const taskList = component<{ readonly run: string; readonly seq: number; readonly tasks: readonly TaskView[] }>(
  'TaskList',
)(z.object({ run: runId, seq: seq.describe('The last record that the list contains.'), tasks: z.array(taskView) }))

export const recordList = component<{ readonly records: readonly RunRecord[] }>('RecordList')(
  z.object({ records: z.array(runRecord).describe('In order; fewer than `limit`: there are no more now.') }),
)

export const logList = component<{ readonly entries: readonly LogEntry[] }>('LogList')(
  z.object({ entries: z.array(logEntry).describe('The newest, oldest first.') }),
)

/** An outcome, and the view that it is about. */
export const settledRun = component<{ readonly outcome: RunOutcome; readonly view: RunView }>('SettledRun')(
  z.object({ outcome: runOutcome, view: runView }),
)

export const workflowFiles = component<{ readonly workflows: readonly { readonly file: string }[] }>('WorkflowFiles')(
  z.object({ workflows: z.array(z.object({ file: z.string().describe('What `POST /v1/runs` takes as `file`.') })) }),
)
