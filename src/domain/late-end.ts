import type { Usage } from './budget.ts'
import type { Json } from './json.ts'
import type { CollectedWork } from './local-work.ts'
import type { PullRequest } from './report.ts'

/** How an agent run ended that nobody waited for any more, as its record tells it. Nothing takes it by itself (I8). */
export interface LateEnd {
  /** RUN/TASK/ATTEMPT. */
  readonly holder: string
  /** The backend's own word. */
  readonly status: string
  readonly url?: string
  /** It completed and its report is what the task asks for: a person may adopt it. */
  readonly usable: boolean
  /** Why it is of no use. */
  readonly reason?: string
  /** What it returned; where it is of no use, only the beginning. */
  readonly outcome?: LateOutcome
  readonly pullRequests?: readonly PullRequest[]
  /** What it has used in all, where its backend says so. */
  readonly usage?: Usage
}

/** What a late report came to, as a completed task's record holds it: `file` names the whole where `result` is cut. */
export interface LateOutcome {
  readonly result: string
  readonly file?: string
  readonly output?: Json
  readonly metrics?: Json
  readonly collected?: CollectedWork
}
