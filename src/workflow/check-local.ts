import { DEFAULT_BACKEND, isLocalBackend } from './backend-names.ts'
import type { ProblemList } from './problems.ts'
import type { WorkflowDraft } from './shape.ts'

/** What only an agent of this machine has use for: its backend has a worktree to run it in. */
const LOCAL_KEYS = ['check', 'setup', 'permissions', 'onConflict'] as const

/** `owner/name`, or the id of a repository. A folder of this machine may have a space in its name. */
const REMOTE_REPOSITORY = /^\S{1,200}$/

/** Refuses what a task says that its backend cannot carry out. What it has from `defaults` does not apply to it then. */
export function checkLocal({ tasks, defaults, manager, brokenManager }: WorkflowDraft, problems: ProblemList): void {
  const usual = defaults.backend ?? DEFAULT_BACKEND
  const checkRepository = (path: readonly string[], repository: string | number | undefined, backend: string) => {
    if (typeof repository !== 'string' || isLocalBackend(backend) || REMOTE_REPOSITORY.test(repository)) return
    problems.add([...path, 'repository'], 'must be owner/name, or the id of a repository')
  }
  checkRepository(['defaults'], defaults.repository, usual)
  if (!brokenManager.has('backend')) checkRepository(['manager'], manager.repository, manager.backend ?? usual)
  for (const { id, given, broken } of tasks) {
    if (broken === true || broken.has('backend')) continue
    const backend = given.backend ?? usual
    checkRepository(['tasks', id], given.repository, backend)
    if (isLocalBackend(backend)) continue
    for (const key of LOCAL_KEYS) {
      if (given[key] === undefined) continue
      problems.add(
        ['tasks', id, key],
        `is for agents of this machine, which work in a git worktree (such as command:claude or acp:codex), and '${backend}' is none; leave it out`,
        'key',
      )
    }
  }
}
