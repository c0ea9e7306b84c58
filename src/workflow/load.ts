import type { Workflow } from '../domain/workflow.ts'
import { checkWorkflow } from './check.ts'
import { ProblemList } from './problems.ts'
import { readSource } from './source.ts'

/**
 * Reads and checks a workflow file, YAML or JSON. Throws WorkflowError with every mistake at once, each with its place,
 * what is wrong and what would be right.
 */
export function loadWorkflow(source: { readonly file: string; readonly text: string }): Workflow {
  const { value, problems: found, locate } = readSource(source)
  const problems = new ProblemList(source.file, locate)
  for (const problem of found) problems.addFound(problem)
  return checkWorkflow(value, problems)
}
