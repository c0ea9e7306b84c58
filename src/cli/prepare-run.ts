import { dirname } from 'node:path'
import { UsageError, WorkflowError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Workflow } from '../domain/workflow.ts'
import { realClock } from '../host/clock.ts'
import { parseInputs } from '../workflow/inputs.ts'
import { loadWorkflow } from '../workflow/load.ts'
import { withImageFiles } from '../workflow-images.ts'
import { readText } from './read-text.ts'

const MAX_WORKFLOW_BYTES = 4 * 1024 * 1024
const MAX_INPUT_BYTES = 4 * 1024 * 1024

/** A workflow that can be run, with its inputs. */
export interface PreparedRun {
  readonly workflow: Workflow
  readonly inputs: JsonObject
}

/** Reads and checks a workflow file with the images that it names. Throws WorkflowError or UsageError with every mistake. */
export async function readWorkflow(file: string): Promise<Workflow> {
  const text = await readText(file, MAX_WORKFLOW_BYTES)
  return withImageFiles(loadWorkflow({ file, text }), { file, text, folder: dirname(file) }, realClock)
}

/**
 * Reads a workflow file and what was given as `k=v` or `k=@file`. Throws UsageError with every mistake of the file and the
 * flags, each on its own line; nothing has been started then.
 */
export async function prepareRun(file: string, given: readonly string[]): Promise<PreparedRun> {
  const wrong: string[] = []
  const note = (error: unknown) => {
    if (!(error instanceof UsageError || error instanceof WorkflowError)) throw error
    wrong.push(error.message)
  }
  const texts = await readInputs(given, note)
  const workflow = await readWorkflow(file).catch(note)
  if (wrong.length > 0 || !workflow) throw new UsageError(wrong.join('\n'))
  return { workflow, inputs: parseInputs(workflow, texts) }
}

async function readInputs(given: readonly string[], note: (error: unknown) => void): Promise<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const text of given) {
    try {
      const [name, value] = await readInput(text)
      if (Object.hasOwn(texts, name)) throw new UsageError(`--input ${name}: given twice.`)
      texts[name] = value
    } catch (error) {
      note(error)
    }
  }
  return texts
}

async function readInput(text: string): Promise<readonly [name: string, value: string]> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`--input ${text}: write name=value, or name=@file.`)
  const value = text.slice(equals + 1)
  return [text.slice(0, equals), value.startsWith('@') ? await readText(value.slice(1), MAX_INPUT_BYTES) : value]
}
