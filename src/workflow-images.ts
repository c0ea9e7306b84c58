import { resolve } from 'node:path'
import { imageFileTrouble, isDataUri } from './backends/image-file.ts'
import type { Clock } from './domain/clock.ts'
import type { Workflow } from './domain/workflow.ts'
import type { WorkflowDefinition } from './workflow/define.ts'
import { type Locate, ProblemList } from './workflow/problems.ts'
import { readSource } from './workflow/source.ts'

/** A workflow file, and where it lies. */
export interface WorkflowText {
  readonly file: string
  readonly text: string
  /** The paths of images begin here. */
  readonly folder: string
}

/**
 * A workflow whose image files are named so that any process finds them. Throws WorkflowError with each image that cannot be sent,
 * at its place in the file: it is better found now than when a run has come that far.
 */
export async function withImageFiles(workflow: Workflow, source: WorkflowText, clock: Clock): Promise<Workflow> {
  const files = new Set(workflow.tasks.flatMap(({ images = [] }) => images.filter((image) => !isDataUri(image))))
  if (files.size === 0) return workflow
  const troubles = new Map<string, string>()
  for (const file of files) {
    const trouble = await imageFileTrouble(resolve(source.folder, file), clock)
    if (trouble !== undefined) troubles.set(file, trouble)
  }
  if (troubles.size > 0) throwTroubles(source, troubles)
  const placed = (image: string) => (isDataUri(image) ? image : resolve(source.folder, image))
  return {
    ...workflow,
    tasks: workflow.tasks.map((task) =>
      task.images === undefined ? task : { ...task, images: task.images.map(placed) },
    ),
  }
}

function throwTroubles({ file, text }: WorkflowText, troubles: ReadonlyMap<string, string>): void {
  const { value, locate }: { readonly value: unknown; readonly locate: Locate } = readSource({ file, text })
  const problems = new ProblemList(file, locate)
  const note = (path: readonly string[], images: readonly string[] = []) => {
    for (const [index, image] of images.entries()) {
      const trouble = troubles.get(image)
      if (trouble !== undefined) problems.add([...path, 'images', index], `'${image}' cannot be sent: ${trouble}`)
    }
  }
  // It was checked: this is what it is.
  const { defaults, tasks } = value as WorkflowDefinition
  note(['defaults'], defaults?.images)
  for (const [id, task] of Object.entries(tasks ?? {})) note(['tasks', id], task.images)
  problems.throwIfAny()
}
