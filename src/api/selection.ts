import { parseTaskId } from '../domain/ids.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RecordFilter } from './stream-messages.ts'

/** Which records somebody asked for. Two of one `key` ask for the same. */
export interface Selection {
  readonly key: string
  /** Sorted, each once; undefined for all runs, also those that begin later. */
  readonly runs: readonly string[] | undefined
  /** Undefined: every record of these runs. */
  readonly wants: ((record: RunRecord) => boolean) | undefined
}

/** What `runs` and `filter` of a subscription mean; `*` among the runs means all. */
export function selectRecords(runs: readonly string[], filter: RecordFilter = {}): Selection {
  const chosen = runs.includes('*') ? undefined : [...new Set(runs)].sort()
  const tasks = filter.tasks && new Set(filter.tasks.map((task) => parseTaskId(task) ?? task))
  const types = filter.types && new Set<string>(filter.types)
  const wants =
    tasks || types
      ? (record: RunRecord) =>
          (types === undefined || types.has(record.type)) && (tasks === undefined || isAbout(record, tasks))
      : undefined
  const key = JSON.stringify([chosen ?? '*', tasks && [...tasks].sort(), types && [...types].sort()])
  return { key, runs: chosen, wants }
}

function isAbout({ task }: RunRecord, tasks: ReadonlySet<string>): boolean {
  if (task === undefined) return false
  if (tasks.has(task)) return true
  const bracket = task.indexOf('[')
  return bracket > 0 && tasks.has(task.slice(0, bracket))
}
