import type { Clock } from './domain/clock.ts'
import { DataFolderError, NotFoundError } from './domain/errors.ts'
import type { JsonObject } from './domain/json.ts'
import { type Checkpoints, openCheckpoints } from './host/checkpoint.ts'
import { type JournalReading, readJournal } from './host/journal-reader.ts'
import type { RunRow } from './host/run-index.ts'
import { RunProjection } from './host/run-projection.ts'
import { isFinalState } from './machines/public-state.ts'
import { emptyFacts, factsFromJson, foldRecord, type RunFacts, summaryOf } from './registry.ts'
import { type RunDefinition, readDefinition } from './run-files.ts'

/** What a checkpoint of a run holds. */
export interface CheckpointData {
  readonly projection: JsonObject
  readonly facts: JsonObject
}

/** A run as its folder tells it. */
export interface StoredRun {
  readonly definition: RunDefinition
  readonly projection: RunProjection
  readonly facts: RunFacts
  readonly checkpoints: Checkpoints<CheckpointData>
  readonly reading: JournalReading
}

/**
 * Reads a run: the newest good checkpoint, then every record beyond it. `repair` cuts a torn last line and is for the folder's
 * holder alone. Throws NotFoundError, DataFolderError.
 */
export async function readStoredRun(
  run: string,
  folder: string,
  clock: Clock,
  options: { readonly repair?: boolean } = {},
): Promise<StoredRun> {
  const definition = await readDefinition(folder, clock)
  if (definition === undefined) throw unknownRun(run)
  const checkpoints = openCheckpoints<CheckpointData>(folder, clock)
  const checkpoint = await checkpoints.read()
  const projection = checkpoint === undefined ? new RunProjection() : RunProjection.fromJson(checkpoint.data.projection)
  const budget = structuredClone(projection.budget)
  const facts = checkpoint === undefined ? emptyFacts(run) : factsFromJson(checkpoint.data.facts, budget)
  const reading = await readJournal(
    folder,
    (record) => {
      projection.fold(record)
      if (record.seq > facts.seq) foldRecord(facts, record)
    },
    { afterSeq: checkpoint?.seq ?? 0, repair: options.repair === true, clock },
  )
  if (facts.startedAt === '') restoreBeginning(facts, projection, definition)
  // A damaged line still used its seq: none is ever given twice.
  projection.seq = Math.max(projection.seq, reading.lastSeq)
  if (projection.seq === 0) {
    throw new DataFolderError('damaged', folder, `Run ${run} has no record: it was never begun. Start it again.`)
  }
  return { definition, projection, facts, checkpoints, reading }
}

/** A run's row in the list of runs. */
export function rowOf(facts: RunFacts, { key }: RunDefinition): RunRow {
  return { ...summaryOf(facts), finished: isFinalState(facts.status), ...(key === undefined ? {} : { key }) }
}

/** What asking for a run says that the folder does not have. */
export function unknownRun(run: string): NotFoundError {
  return new NotFoundError(`Run ${run}`, "'troupe runs' lists those that do.")
}

/** The first record is damaged: what it said stands in the definition too. */
function restoreBeginning(facts: RunFacts, projection: RunProjection, definition: RunDefinition): void {
  facts.name = definition.workflow.name
  facts.inputs = definition.inputs
  facts.settings = definition.settings as JsonObject
  facts.standIn = definition.standIn
  facts.startedAt = new Date(definition.startedAt).toISOString()
  projection.startedAt = definition.startedAt
}
