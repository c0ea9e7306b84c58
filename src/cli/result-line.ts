import type { JsonObject } from '../domain/json.ts'
import type { RunView } from '../domain/views.ts'
import { agentsOf } from './task-rows.ts'

/** The last line of `--json`: how a run stands, agent by agent. */
export function resultLine(view: RunView): JsonObject {
  return {
    type: 'result',
    run: view.run,
    status: view.status,
    standIn: view.standIn,
    tasks: agentsOf(view).map(({ task, state, attempt, url, pullRequests }) => ({
      task,
      state,
      attempts: attempt,
      url: url ?? null,
      pullRequests: pullRequests.map((pullRequest) => ({ ...pullRequest })),
    })),
  }
}
