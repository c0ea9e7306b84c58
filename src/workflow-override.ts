import type { Workflow } from './domain/workflow.ts'

/** The workflow with every agent at another backend (`--backend`). */
export function withBackend(workflow: Workflow, backend: string | undefined): Workflow {
  if (backend === undefined) return workflow
  return {
    ...workflow,
    tasks: workflow.tasks.map((task) => (task.backend === backend ? task : { ...task, backend })),
    ...(workflow.manager === undefined ? {} : { manager: { ...workflow.manager, backend } }),
  }
}
