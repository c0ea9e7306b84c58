import { NotFoundError } from '../domain/errors.ts'
import { MANAGER } from '../domain/ids.ts'
import type { TaskView } from '../domain/views.ts'
import { mainState } from '../machines/public-state.ts'
import type { Handlers, RoutesOptions } from './routes-options.ts'
import { originOf } from './run-handlers.ts'
import type { RunViews } from './run-views.ts'

type TaskOperation = 'listTasks' | 'readTask' | 'readLogs' | 'readResult' | 'commandTask'
const NAMED = 20

/** What is asked of tasks. */
export function taskHandlers({ orchestrator, views }: RoutesOptions): Handlers<TaskOperation> {
  return {
    async listTasks({ params, query: { state } }) {
      const { run, seq, tasks } = await views.read(params.run)
      const wanted = state === undefined ? undefined : new Set(state)
      const fits = (task: TaskView) => !wanted || wanted.has(task.state) || wanted.has(mainState(task.state))
      return { status: 200, body: { run, seq, tasks: tasks.filter(fits) } }
    },
    async readTask({ params: { run, task } }) {
      return { status: 200, body: await taskOf(views, run, task) }
    },
    async readLogs({ params: { run, task }, query: { limit } }) {
      return { status: 200, body: { entries: await orchestrator.logs(run, task, limit) } }
    },
    async readResult({ params: { run, task } }) {
      return { status: 200, body: await orchestrator.result(run, task) }
    },
    async commandTask({ params: { run, task }, body, access }) {
      return { status: 200, body: await orchestrator.commandTask(run, task, body, originOf(access)) }
    },
  }
}

async function taskOf(views: RunViews, run: string, task: string): Promise<TaskView> {
  const view = await views.read(run)
  const found = task === MANAGER ? view.manager : view.tasks.find((candidate) => candidate.task === task)
  if (found) return found
  const known = view.tasks.slice(0, NAMED).map((candidate) => candidate.task)
  throw new NotFoundError(`Task '${task}' of ${run}`, `The run has: ${known.join(', ')}.`)
}
