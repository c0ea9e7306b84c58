import { WorkflowError } from '../domain/errors.ts'
import type { Workflow } from '../domain/workflow.ts'
import { checkMeaning } from './check.ts'
import { completeWorkflow } from './complete.ts'
import { ProblemList } from './problems.ts'
import type { WorkflowDefinition } from './schema.ts'
import { checkShape } from './shape.ts'
import { readSource } from './source.ts'

const NOWHERE = { line: 0, column: 0 }

/**
 * Reads and checks a workflow file, YAML or JSON. Throws WorkflowError with every mistake at once, each with its place,
 * what is wrong and what would be right.
 */
export function loadWorkflow(source: { readonly file: string; readonly text: string }): Workflow {
  const { value, problems: found, locate } = readSource(source)
  const problems = new ProblemList(source.file, locate)
  for (const problem of found) problems.addFound(problem)
  return check(value, problems)
}

/**
 * Checks a workflow written in code. Throws WorkflowError with every mistake at once; each names its path
 * (`tasks.spec.needs[0]`).
 */
export function defineWorkflow(definition: WorkflowDefinition): Workflow {
  const problems = new ProblemList('<workflow>', () => NOWHERE)
  try {
    return check(definition, problems)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const message = 'is nested too deeply or contains itself'
    throw new WorkflowError([{ file: '<workflow>', ...NOWHERE, message }])
  }
}

function check(value: unknown, problems: ProblemList): Workflow {
  const draft = checkShape(value, problems)
  checkMeaning(draft, problems)
  problems.throwIfAny()
  // With no mistake found, the value is what the schema describes.
  return completeWorkflow(value as WorkflowDefinition)
}
