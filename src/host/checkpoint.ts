import { join } from 'node:path'
import { Low } from 'lowdb'
import type { Clock } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import { SealedJsonFile } from './durable-file.ts'
import type { FileSystem } from './file-system.ts'
import { toDataFolderError } from './folder-trouble.ts'
import { LatestWrite } from './latest-write.ts'

const VERSION = 1
const SMALLEST_TAIL_BYTES = 4 * 1024 * 1024

/** A run's state as of the record `seq`. */
export interface Checkpoint<T> {
  readonly seq: number
  readonly data: T
}

/** The checkpoints of one run; two are kept. */
export interface Checkpoints<T> {
  /**
   * The newest good one, or undefined: then the whole journal is replayed. Throws DataFolderError `newer-format`, `failed`.
   */
  read(): Promise<Checkpoint<T> | undefined>
  /**
   * Resolves when this one, or a newer one given meanwhile, is durable. `data` must not be changed afterwards. Only for a `seq` that
   * the journal has committed. Rejects with DataFolderError; the run can go on without.
   */
  write(seq: number, data: T): Promise<void>
  /** Length of the one read or written last; 0 for none. */
  readonly lastBytes: number
  /** What {@link Checkpoints.read} could not use, in whole sentences. */
  readonly problems: readonly string[]
}

interface CheckpointFile<T> {
  readonly v: number
  readonly seq: number
  readonly data: T
}

/** Whether it is time for a checkpoint: a restore would otherwise replay too much, and a checkpoint costs its whole length. */
export function checkpointDue(tailBytes: number, lastCheckpointBytes: number): boolean {
  return tailBytes > Math.max(SMALLEST_TAIL_BYTES, 2 * lastCheckpointBytes)
}

/** The checkpoints in a run's folder. `isData` refuses what an older version wrote differently. */
export function openCheckpoints<T>(
  folder: string,
  clock: Clock,
  options: { readonly fs?: FileSystem; readonly isData?: (data: unknown) => boolean } = {},
): Checkpoints<T> {
  const isData = options.isData ?? (() => true)
  const file = new SealedJsonFile<CheckpointFile<T | null>>({
    path: join(folder, 'checkpoint.json'),
    previousPath: join(folder, 'checkpoint.previous.json'),
    clock,
    accepts: (value): value is CheckpointFile<T> => isCheckpoint(value, folder) && isData(value.data),
    ...(options.fs === undefined ? {} : { fs: options.fs }),
  })
  const db = new Low<CheckpointFile<T | null>>(file, { v: VERSION, seq: 0, data: null })
  const writes = new LatestWrite<CheckpointFile<T>>(async (value) => {
    db.data = value
    await guarded(db.write(), folder, 'Cannot write the checkpoint')
  })
  return {
    async read() {
      await guarded(db.read(), folder, 'Cannot read the checkpoint')
      const { seq, data } = db.data
      return data === null ? undefined : { seq, data }
    },
    write: (seq, data) => writes.put({ v: VERSION, seq, data }),
    get lastBytes() {
      return file.bytes
    },
    problems: file.problems,
  }
}

function isCheckpoint(value: unknown, folder: string): value is CheckpointFile<unknown> {
  if (typeof value !== 'object' || value === null || !('v' in value) || typeof value.v !== 'number') return false
  if (value.v > VERSION) {
    const message =
      `The checkpoint in ${folder} was written by a newer troupe (format ${value.v}; this one reads up to ${VERSION}). ` +
      'Use that version, or another --data-dir.'
    throw new DataFolderError('newer-format', folder, message)
  }
  return 'seq' in value && Number.isSafeInteger(value.seq) && 'data' in value && value.data !== null
}

async function guarded(work: Promise<void>, folder: string, what: string): Promise<void> {
  try {
    await work
  } catch (error) {
    throw toDataFolderError(error, folder, what)
  }
}
