import { UsageError } from '../domain/errors.ts'
import { objectiveWorkflow, readRoles } from '../workflow/objective.ts'
import type { PreparedRun } from './prepare-run.ts'
import { readText } from './read-text.ts'

const MAX_FILE_BYTES = 1024 * 1024

/** What a run is begun with where there is no workflow file. */
export interface ObjectiveFlags {
  readonly input: readonly string[]
  readonly objective?: string
  readonly roles?: string
  readonly repository?: string
}

/** A run is of a workflow file or of an objective. Throws UsageError. */
export function refuseMixed(file: string | undefined, { objective, roles, repository, input }: ObjectiveFlags): void {
  if (file !== undefined && objective !== undefined) {
    throw new UsageError(`Give a workflow file or --objective, not both: ${file} and --objective.`)
  }
  if (file === undefined && objective === undefined) {
    throw new UsageError('Give a workflow file, or what is to be achieved with --objective "TEXT".')
  }
  if (objective === undefined) {
    for (const [flag, value] of Object.entries({ roles, repository })) {
      if (value !== undefined)
        throw new UsageError(`--${flag} belongs to --objective: the workflow file says it itself.`)
    }
  } else if (input.length > 0) {
    throw new UsageError('--input belongs to a workflow file: an objective has no inputs.')
  }
}

/** The run of an objective. Throws UsageError, and WorkflowError with every mistake of the file of roles. */
export async function prepareObjective({ objective = '', roles, repository }: ObjectiveFlags): Promise<PreparedRun> {
  const text = objective.startsWith('@') ? await readText(objective.slice(1), MAX_FILE_BYTES) : objective
  const known =
    roles === undefined ? undefined : readRoles({ file: roles, text: await readText(roles, MAX_FILE_BYTES) })
  return objectiveWorkflow({
    objective: text,
    ...(known === undefined ? {} : { roles: known }),
    ...(repository === undefined ? {} : { repository }),
  })
}
