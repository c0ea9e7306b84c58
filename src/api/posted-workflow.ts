import { WorkflowError } from '../domain/errors.ts'
import type { Workflow } from '../domain/workflow.ts'
import { defineWorkflow, type WorkflowDefinition } from '../workflow/define.ts'
import { loadWorkflow } from '../workflow/load.ts'
import { type Locate, ProblemList } from '../workflow/problems.ts'
import { readSource } from '../workflow/source.ts'

const FILE = '<workflow>'
const NOWHERE: Locate = () => ({ line: 0, column: 0 })

/**
 * Checks a workflow that somebody sent: an object, or its YAML or JSON text. It may not name files of this machine. Throws
 * WorkflowError with every mistake; a text's have a line and a column.
 */
export function readPostedWorkflow(given: string | WorkflowDefinition): Workflow {
  const workflow = typeof given === 'string' ? loadWorkflow({ file: FILE, text: given }) : defineWorkflow(given)
  const foreign = workflow.tasks.some(({ images = [] }) => images.some(isFile))
  if (foreign) refuseFiles(given)
  return workflow
}

/** As a backend sees it: what is no data URI is read from the disk. */
function isFile(image: string): boolean {
  return !/^data:/i.test(image)
}

function refuseFiles(given: string | WorkflowDefinition): never {
  const { value, locate } =
    typeof given === 'string' ? readSource({ file: FILE, text: given }) : { value: given, locate: NOWHERE }
  const problems = new ProblemList(FILE, locate)
  // It was checked: these are what the schema says they are.
  const { defaults, tasks } = value as unknown as WorkflowDefinition
  const note = (path: readonly string[], images: readonly string[] | undefined) => {
    for (const [index, image] of (images ?? []).entries()) {
      if (isFile(image))
        problems.add([...path, 'images', index], 'is a file; a workflow that is sent may only hold data URIs')
    }
  }
  note(['defaults'], defaults?.images)
  for (const [id, task] of Object.entries(tasks)) note(['tasks', id], task.images)
  problems.throwIfAny()
  throw new WorkflowError([{ file: FILE, line: 0, column: 0, message: 'names image files' }])
}
