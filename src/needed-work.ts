import { resolve } from 'node:path'
import { itemId } from './domain/ids.ts'
import type { NeededWork, WorkspaceOrder } from './domain/local-work.ts'
import type { TaskSpec } from './domain/workflow.ts'
import type { SettledTask } from './host/run-projection.ts'

/** What nothing else was said of: what lies outside its worktree is refused. */
const PERMISSIONS = { rest: 'reject', deadlineMs: 10 * 60_000, allow: [] } as const

/** What is known of a run where a task's work is put together. */
export interface WorkSources {
  spec(task: string): TaskSpec
  readonly settled: ReadonlyMap<string, SettledTask>
  /** Number of items by forEach task. */
  readonly expansions: ReadonlyMap<string, number>
  /** Where the run was started. */
  readonly directory: string
}

/** The worktree that an attempt of a task is to be given; `undefined` spec: the manager's, who needs nobody's work. */
export function workspaceOf(
  spec: Pick<TaskSpec, 'repository' | 'setup' | 'permissions' | 'onConflict' | 'needs'>,
  resolves: boolean,
  sources: WorkSources,
): WorkspaceOrder {
  return {
    repository: repositoryOf(spec, sources.directory),
    needs: neededWork(spec, sources),
    onConflict: resolves ? 'agent' : (spec.onConflict ?? 'escalate'),
    setup: spec.setup ?? [],
    permissions: spec.permissions ?? PERMISSIONS,
  }
}

/**
 * The work that a task starts from: that of what it needs, and where a need has none of its own (it was skipped, a person completed it, its
 * agent works elsewhere) that of what the need itself needs.
 */
export function neededWork(spec: Pick<TaskSpec, 'repository' | 'needs'>, sources: WorkSources): readonly NeededWork[] {
  const repository = repositoryOf(spec, sources.directory)
  const found = new Map<string, NeededWork>()
  const seen = new Set<string>()
  const visit = (need: string) => {
    if (seen.has(need)) return
    seen.add(need)
    const needed = sources.spec(need)
    const isHere = repositoryOf(needed, sources.directory) === repository
    let isWhole = isHere
    for (const id of idsOf(need, sources)) {
      const work = isHere ? workBy(id, sources.settled.get(id)) : undefined
      if (work !== undefined) found.set(id, work)
      isWhole &&= work?.commit !== undefined
    }
    // Of several items each holds what their needs did.
    if (!isWhole || idsOf(need, sources).length === 0) for (const further of needed.needs) visit(further)
  }
  for (const need of spec.needs) visit(need)
  return [...found.values()]
}

function workBy(task: string, settled: SettledTask | undefined): NeededWork | undefined {
  if (settled?.status !== 'completed') return undefined
  const { attempt, adopted, collected } = settled
  return { task, attempt: adopted ?? attempt, ...(collected === undefined ? {} : { commit: collected.commit }) }
}

function idsOf(task: string, { expansions }: WorkSources): readonly string[] {
  const count = expansions.get(task)
  return count === undefined ? [task] : Array.from({ length: count }, (_, index) => itemId(task, index))
}

function repositoryOf({ repository }: Pick<TaskSpec, 'repository'>, directory: string): string {
  return resolve(directory, repository ?? '.')
}
