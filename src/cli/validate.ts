import type { CliContext } from './context.ts'
import { readWorkflow } from './prepare-run.ts'
import { escapeLine } from './terminal-text.ts'

/** Checks a workflow file and says what it holds. Throws WorkflowError with every mistake. */
export async function validateCommand({ stdout }: CliContext, file: string): Promise<number> {
  const { name, tasks, manager, inputs } = await readWorkflow(file)
  const needed = Object.keys(inputs).filter((input) => inputs[input]?.required === true)
  const parts = [
    `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'}`,
    ...(manager ? ['a manager'] : []),
    ...(needed.length > 0 ? [`needs --input ${needed.map((input) => `${input}=...`).join(' --input ')}`] : []),
  ]
  stdout.write(`${file}: ${escapeLine(name)} is valid: ${parts.join(', ')}\n`)
  return 0
}
