import { type Problem, WorkflowError } from '../domain/errors.ts'
import type { Workflow } from '../domain/workflow.ts'
import { isLocalBackend } from '../workflow/backend-names.ts'
import { checkWorkflow } from '../workflow/check.ts'
import type { WorkflowDefinition } from '../workflow/define.ts'
import { ProblemList } from '../workflow/problems.ts'
import { readSource } from '../workflow/source.ts'

/** What a workflow that has no file is called. */
const POSTED = '<workflow>'
/** A run of so many tasks is begun; checking more would keep everybody else waiting. */
const MAX_TASKS = 10_000
/** Who made more mistakes than this made one many times. */
const MAX_PROBLEMS = 200

/** A workflow as it came in: the text of a file of this server, or what somebody sent, an object or its YAML or JSON text. */
export type GivenWorkflow =
  | { readonly kind: 'file'; readonly file: string; readonly text: string }
  | { readonly kind: 'posted'; readonly workflow: string | WorkflowDefinition }

/** What a workflow that somebody sent may do. */
export interface PostedOptions {
  /** Agents and commands of this machine; default false: who may send a workflow would run them here. */
  readonly allowLocal?: boolean
}

/** What reading a workflow came to. */
export type ReadAnswer = { readonly workflow: Workflow } | { readonly problems: readonly Problem[] }

/**
 * Checks a workflow that came in. One that somebody sent may not name files of this machine, and not run anything on it unless that is
 * allowed. Throws WorkflowError; a text's mistakes have a line and a column.
 */
export function readGivenWorkflow(given: GivenWorkflow, { allowLocal = false }: PostedOptions = {}): Workflow {
  return withFewProblems(() => {
    if (given.kind === 'file') return checkFew(readText(given.file, given.text))
    const { workflow: posted } = given
    const read = typeof posted === 'string' ? readText(POSTED, posted) : readDefinition(posted)
    const workflow = checkFew(read)
    refuseFiles(read)
    if (!allowLocal) refuseLocal(read)
    return workflow
  })
}

interface ReadWorkflow {
  readonly value: unknown
  readonly problems: ProblemList
}

function readText(file: string, text: string): ReadWorkflow {
  const { value, problems: found, locate } = readSource({ file, text })
  const problems = new ProblemList(file, locate)
  for (const problem of found) problems.addFound(problem)
  return { value, problems }
}

function readDefinition(value: WorkflowDefinition): ReadWorkflow {
  return { value, problems: new ProblemList(POSTED, () => ({ line: 0, column: 0 })) }
}

function checkFew({ value, problems }: ReadWorkflow): Workflow {
  const { tasks } = value as Partial<WorkflowDefinition>
  const count = Object.keys(tasks ?? {}).length
  if (count > MAX_TASKS) {
    problems.add(['tasks'], `has ${count} tasks; a server takes at most ${MAX_TASKS}`)
    problems.throwIfAny()
  }
  return checkWorkflow(value, problems)
}

function refuseFiles({ value, problems }: ReadWorkflow): void {
  // It was checked: this is what it is.
  const { defaults, tasks } = value as WorkflowDefinition
  const note = (path: readonly string[], images: readonly string[] = []) => {
    for (const [index, image] of images.entries()) {
      if (isFile(image)) {
        problems.add([...path, 'images', index], 'is a file; a workflow that is sent may only hold data URIs')
      }
    }
  }
  note(['defaults'], defaults?.images)
  for (const [id, task] of Object.entries(tasks ?? {})) note(['tasks', id], task.images)
  problems.throwIfAny()
}

/** What is said of something that only the server's owner may have run here. */
export const LOCAL_REFUSED =
  'would run on this machine; a server takes that only from files of its own, or where its settings say local: true'

function refuseLocal({ value, problems }: ReadWorkflow): void {
  const { defaults, manager, tasks } = value as WorkflowDefinition
  const note = (path: readonly string[], given: { backend?: string | undefined; check?: unknown; setup?: unknown }) => {
    if (given.backend !== undefined && isLocalBackend(given.backend)) {
      problems.add([...path, 'backend'], `'${given.backend}' ${LOCAL_REFUSED}`)
    }
    for (const key of ['check', 'setup'] as const) {
      if (given[key] !== undefined) problems.add([...path, key], LOCAL_REFUSED, 'key')
    }
  }
  note(['defaults'], defaults ?? {})
  note(['manager'], manager ?? {})
  for (const [id, task] of Object.entries(tasks ?? {})) note(['tasks', id], task)
  problems.throwIfAny()
}

/** As a backend sees it: what is no data URI is read from the disk. */
function isFile(image: string): boolean {
  return !/^data:/i.test(image)
}

function withFewProblems<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof WorkflowError) || error.problems.length <= MAX_PROBLEMS) throw error
    const rest = error.problems.length - MAX_PROBLEMS
    const more: Problem = {
      file: error.problems[0]?.file ?? POSTED,
      line: 0,
      column: 0,
      message: `and ${rest} mistakes more`,
    }
    throw new WorkflowError([...error.problems.slice(0, MAX_PROBLEMS), more])
  }
}
