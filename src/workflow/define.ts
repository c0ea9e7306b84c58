import { WorkflowError } from '../domain/errors.ts'
import type { Workflow } from '../domain/workflow.ts'
import { checkWorkflow } from './check.ts'
import { ProblemList } from './problems.ts'
import type { WorkflowDefinition } from './schema.ts'

export type { WorkflowDefinition } from './schema.ts'

const FILE = '<workflow>'
const NOWHERE = { line: 0, column: 0 }

/**
 * Checks a workflow written in code. Throws WorkflowError with every mistake at once; each names its path
 * (`tasks.spec.needs[0]`).
 */
export function defineWorkflow(definition: WorkflowDefinition): Workflow {
  try {
    return checkWorkflow(definition, new ProblemList(FILE, () => NOWHERE))
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const error = new WorkflowError([{ file: FILE, ...NOWHERE, message: 'is nested too deeply or contains itself' }])
    error.cause = cause
    throw error
  }
}
