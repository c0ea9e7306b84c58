import type { Json, JsonObject } from './json.ts'

/** A pull request as the backend's own field names it; never taken from prose. */
export interface PullRequest {
  readonly url?: string
  readonly title?: string
  readonly branch?: string
}

/** The structured return message of a sub-agent, read from the end of its result. */
export interface Report {
  readonly status: 'completed' | 'failed'
  readonly task_id?: string
  readonly turn?: number
  readonly result: Json
  readonly metrics?: JsonObject
}

/** What a settled task hands on to whoever needs it. */
export interface TaskOutcome {
  readonly status: 'completed' | 'failed' | 'skipped' | 'cancelled'
  /** The backend's text without the report block; what prompts quote. */
  readonly result?: string
  /** `report.result`, checked against the task's `output` schema where there is one. */
  readonly output?: Json
  readonly report?: Report
  readonly pullRequests: readonly PullRequest[]
}
