import { UsageError } from './domain/errors.ts'
import type { ManagerSpec, TaskSpec, Workflow } from './domain/workflow.ts'
import { isLocalBackend } from './workflow/backend-names.ts'
import { usageRefusal } from './workflow/check-usage.ts'

/** The workflow with every agent at another backend (`--backend`). Throws UsageError when its budget needs what those do not report. */
export function withBackend(given: Workflow, backend: string | undefined): Workflow {
  const workflow = movedTo(given, backend)
  const refusal = usageRefusal(workflow)
  if (refusal !== undefined) throw new UsageError(`${refusal}.`)
  return workflow
}

function movedTo(workflow: Workflow, backend: string | undefined): Workflow {
  if (backend === undefined) return workflow
  return {
    ...workflow,
    tasks: workflow.tasks.map((task) => (task.backend === backend ? task : taskAt(task, backend))),
    ...(workflow.manager === undefined ? {} : { manager: managerAt(workflow.manager, backend) }),
  }
}

/** The backends that a workflow's agents need. */
export function backendsOf(workflow: Workflow): Set<string> {
  const ids = new Set(workflow.tasks.map((task) => task.backend))
  if (workflow.manager !== undefined) ids.add(workflow.manager.backend)
  if (workflow.manager?.planning !== undefined) ids.add(workflow.manager.planning.defaults.backend)
  return ids
}

/** What needs a worktree is left behind where there is none. */
function taskAt<Task extends Omit<TaskSpec, 'id' | 'prompt' | 'needs'>>(task: Task, backend: string): Task {
  if (isLocalBackend(backend)) return { ...task, backend }
  const { check: _check, setup: _setup, permissions: _permissions, onConflict: _onConflict, ...rest } = task
  return { ...rest, backend } as unknown as Task
}

function managerAt(manager: ManagerSpec, backend: string): ManagerSpec {
  const { planning } = manager
  if (planning === undefined) return { ...manager, backend }
  return { ...manager, backend, planning: { ...planning, defaults: taskAt(planning.defaults, backend) } }
}
