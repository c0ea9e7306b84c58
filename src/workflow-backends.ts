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

/** The backends that a workflow's agents need. */
export function backendsOf(workflow: Workflow): Set<string> {
  const ids = new Set(workflow.tasks.map((task) => task.backend))
  if (workflow.manager !== undefined) ids.add(workflow.manager.backend)
  return ids
}
