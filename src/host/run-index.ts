import { join } from 'node:path'
import { Low } from 'lowdb'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { StartKey } from '../domain/orchestration.ts'
import type { RunSummary } from '../domain/views.ts'
import { SealedJsonFile } from './durable-file.ts'
import type { FileSystem } from './file-system.ts'
import { toDataFolderError } from './folder-trouble.ts'
import { LatestWrite } from './latest-write.ts'

const VERSION = 1

/** One row of the index. */
export interface RunRow extends RunSummary {
  /** Nothing of the run is left to be carried out. */
  readonly finished: boolean
  /** What the run was asked for with. */
  readonly key?: StartKey
}

/** A row as people see it. */
export function summaryOfRow({ finished: _finished, key: _key, ...summary }: RunRow): RunSummary {
  return summary
}

/** The list of a data folder's runs: a cache of what the runs' own folders say. */
export interface RunIndex {
  /** Oldest first. */
  list(): readonly RunRow[]
  get(run: string): RunRow | undefined
  /** Replaces a row at once, and writes it in the background. Costs little when nothing changed. */
  put(row: RunRow): void
  remove(run: string): void
  /** Resolves when all that was put is durable; rejects with DataFolderError. The index is only a cache: one can go on. */
  flush(): Promise<void>
}

/** Settings of {@link openRunIndex}. */
export interface RunIndexOptions {
  /** The data folder. */
  readonly folder: string
  readonly clock: Clock
  /** The runs that have a folder. Rows of others are dropped. */
  readonly runIds: readonly string[]
  /** Reads the rows of `runs`, which the index lacks, from their own folders. */
  readonly rebuild: (runs: readonly string[]) => Promise<readonly RunRow[]>
  readonly fs?: FileSystem
}

interface IndexFile {
  readonly v: number
  readonly runs: readonly RunRow[]
}

/**
 * Opens DATA/index.json, and completes it where it is missing, damaged or behind. Only for the folder's holder.
 *
 * @throws DataFolderError `newer-format` when a newer version wrote it; `failed` when it cannot be read.
 */
export async function openRunIndex(options: RunIndexOptions): Promise<RunIndex> {
  const { folder, clock, runIds, rebuild, fs } = options
  const db = openDatabase(folder, clock, fs)
  await readDatabase(db, folder)
  const existing = new Set(runIds)
  const index = new LowRunIndex(db, folder, db.data.runs)
  for (const row of index.list()) if (!existing.has(row.run)) index.remove(row.run)
  const missing = runIds.filter((run) => index.get(run) === undefined)
  if (missing.length > 0) for (const row of await rebuild(missing)) index.put(row)
  return index
}

/** The rows as the holder wrote them last, oldest first; undefined where there is no good index. Writes nothing. */
export async function readRunIndex(folder: string, clock: Clock): Promise<readonly RunRow[] | undefined> {
  const db = openDatabase(folder, clock)
  return (await readDatabase(db, folder)) ? db.data.runs : undefined
}

class LowRunIndex implements RunIndex {
  private readonly rows = new Map<string, RunRow>()
  private sorted: readonly RunRow[] | undefined
  private readonly writes: LatestWrite<undefined>
  private changed = false

  constructor(db: Low<IndexFile>, folder: string, rows: readonly RunRow[]) {
    for (const row of rows) this.rows.set(row.run, row)
    this.writes = new LatestWrite(async () => {
      this.changed = false
      db.data = { v: VERSION, runs: this.list() }
      try {
        await db.write()
      } catch (error) {
        this.changed = true
        throw toDataFolderError(error, folder, 'Cannot write the list of runs')
      }
    })
  }

  /** Run ids sort by time. */
  list(): readonly RunRow[] {
    this.sorted ??= [...this.rows.values()].sort((a, b) => (a.run < b.run ? -1 : a.run > b.run ? 1 : 0))
    return this.sorted
  }

  get(run: string): RunRow | undefined {
    return this.rows.get(run)
  }

  put(row: RunRow): void {
    const known = this.rows.get(row.run)
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(row)) return
    this.rows.set(row.run, row)
    this.sorted = undefined
    this.writeSoon()
  }

  remove(run: string): void {
    if (!this.rows.delete(run)) return
    this.sorted = undefined
    this.writeSoon()
  }

  async flush(): Promise<void> {
    await (this.changed ? this.writes.put(undefined) : this.writes.settled())
  }

  private writeSoon(): void {
    this.changed = true
    // Who needs to know asks flush; a failed write is repeated with the next one.
    this.writes.put(undefined).catch(() => {})
  }
}

function openDatabase(folder: string, clock: Clock, fs?: FileSystem): Low<IndexFile> {
  const file = new SealedJsonFile<IndexFile>({
    path: join(folder, 'index.json'),
    clock,
    accepts: (value): value is IndexFile => isIndex(value, folder),
    ...(fs === undefined ? {} : { fs }),
  })
  return new Low<IndexFile>(file, NO_INDEX)
}

const NO_INDEX: IndexFile = { v: VERSION, runs: [] }

/** Whether there was a good index. */
async function readDatabase(db: Low<IndexFile>, folder: string): Promise<boolean> {
  try {
    await db.read()
    return db.data !== NO_INDEX
  } catch (error) {
    throw toDataFolderError(error, folder, 'Cannot read the list of runs')
  }
}

function isIndex(value: unknown, folder: string): value is IndexFile {
  if (typeof value !== 'object' || value === null || !('v' in value) || typeof value.v !== 'number') return false
  if (value.v > VERSION) {
    const message =
      `${folder} was written by a newer troupe (format ${value.v}; this one reads up to ${VERSION}). ` +
      'Use that version, or another --data-dir.'
    throw new DataFolderError('newer-format', folder, message)
  }
  return 'runs' in value && Array.isArray(value.runs) && value.runs.every(isRow)
}

function isRow(row: unknown): row is RunRow {
  return (
    typeof row === 'object' &&
    row !== null &&
    'run' in row &&
    typeof row.run === 'string' &&
    'status' in row &&
    typeof row.status === 'string' &&
    'finished' in row &&
    typeof row.finished === 'boolean' &&
    (!('key' in row) || isKey(row.key))
  )
}

function isKey(key: unknown): boolean {
  return (
    typeof key === 'object' &&
    key !== null &&
    'key' in key &&
    typeof key.key === 'string' &&
    'fingerprint' in key &&
    typeof key.fingerprint === 'string'
  )
}
