import { WorkflowError } from '../../src/domain/errors.ts'
import { loadWorkflow } from '../../src/workflow/load.ts'

/** What loading a file complains about, as `line:column message`; empty when it is fine. */
export function mistakesIn(text: string, file = 'flow.yaml'): string[] {
  return mistakesOf(() => loadWorkflow({ file, text }))
}

/** The mistakes that a call throws, as `line:column message`. */
export function mistakesOf(call: () => unknown): string[] {
  try {
    call()
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
  return []
}
