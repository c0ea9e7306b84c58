import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from './domain/clock.ts'
import { DataFolderError } from './domain/errors.ts'
import type { JsonObject } from './domain/json.ts'
import type { RunSettings, StartKey } from './domain/orchestration.ts'
import type { Workflow } from './domain/workflow.ts'
import { seal, unseal } from './host/checksum.ts'
import { writeDurably } from './host/durable-file.ts'
import { toDataFolderError } from './host/folder-trouble.ts'
import { withBackend } from './workflow-backends.ts'

/** What a run was started with: kept beside its journal, so that the workflow file may change or vanish. */
export interface RunDefinition {
  readonly v: 1
  readonly workflow: Workflow
  readonly inputs: JsonObject
  readonly settings: RunSettings
  /** What the first record says too, for the case that it is damaged. */
  readonly standIn: boolean
  readonly startedAt: number
  /** What the run was asked for with: asking again with it gives this run. */
  readonly key?: StartKey
}

const FILE = 'workflow.json'

/**
 * Makes the definition durable before the run's first record. Replaces an older one (new settings at `resume`). Throws
 * DataFolderError.
 */
export async function writeDefinition(folder: string, definition: RunDefinition, clock: Clock): Promise<void> {
  try {
    await clock.operation(mkdir(folder, { recursive: true, mode: 0o700 }))
    await clock.operation(writeDurably(join(folder, FILE), Buffer.from(seal(JSON.stringify(definition)))))
  } catch (error) {
    throw toDataFolderError(error, folder, `Cannot write ${FILE}`)
  }
}

/** The definition of a run; undefined where none was written, so that the run never began. Throws DataFolderError. */
export async function readDefinition(folder: string, clock: Clock): Promise<RunDefinition | undefined> {
  let bytes: Buffer
  try {
    bytes = await clock.operation(readFile(join(folder, FILE)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new DataFolderError('failed', folder, `Cannot read ${join(folder, FILE)}`, { cause: error })
  }
  try {
    const text = unseal(bytes)
    const definition = JSON.parse(text ?? bytes.toString('utf8')) as RunDefinition
    if (definition.v > 1) {
      throw new DataFolderError('newer-format', folder, `${folder} was written by a newer troupe: use that version.`)
    }
    // What was written before there was a checksum has none.
    if (text === undefined && 'sum' in definition) throw new Error('its checksum does not match')
    return definition
  } catch (error) {
    if (error instanceof DataFolderError) throw error
    throw new DataFolderError('damaged', folder, `${join(folder, FILE)} is damaged: the run cannot go on.`, {
      cause: error,
    })
  }
}

/** The definition with what a `resume` replaces. */
export function withSettings(definition: RunDefinition, settings: RunSettings | undefined): RunDefinition {
  if (settings === undefined || Object.keys(settings).length === 0) return definition
  return {
    ...definition,
    settings: { ...definition.settings, ...settings },
    workflow: withBackend(definition.workflow, settings.backend),
  }
}
