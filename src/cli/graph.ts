import { UsageError } from '../domain/errors.ts'
import { drawGraph, GRAPH_FORMATS } from '../workflow/draw-graph.ts'
import type { CliContext } from './context.ts'
import { readWorkflow } from './prepare-run.ts'

/** Draws a workflow file's graph as text. Throws WorkflowError with every mistake of the file, UsageError for an unknown format. */
export async function graphCommand(
  { stdout }: CliContext,
  file: string,
  flags: { readonly format: string },
): Promise<number> {
  const format = GRAPH_FORMATS.find((name) => name === flags.format)
  if (format === undefined) {
    throw new UsageError(`--format ${flags.format}: there are ${GRAPH_FORMATS.join(' and ')}.`)
  }
  stdout.write(drawGraph(await readWorkflow(file), format))
  return 0
}
