import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../../domain/clock.ts'
import { DataFolderError, type DataFolderTrouble } from '../../../domain/errors.ts'
import type { JsonObject } from '../../../domain/json.ts'
import type { StandInStore, StoreLine } from './store.ts'
import { lockStore, type StoreLock } from './store-lock.ts'

/**
 * Opens `folder/runs.ndjson` (made when absent; a torn last line is cut) for one stand-in. Throws DataFolderError:
 * 'locked' while another live stand-in has it, 'damaged', 'newer-format', 'read-only' or 'failed'.
 */
export async function openStandInStore(folder: string, clock: Clock): Promise<StandInStore> {
  return clock.operation(openStore(folder, clock))
}

const NEWLINE = 0x0a

async function openStore(folder: string, clock: Clock): Promise<StandInStore> {
  const path = join(folder, 'runs.ndjson')
  let lock: StoreLock | undefined
  let file: FileHandle | undefined
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    lock = await lockStore(folder)
    file = await open(path, 'a+', 0o600)
    const { lines, size } = readLines(await file.readFile(), folder, path)
    await file.truncate(size)
    await file.datasync()
    await syncFolder(folder)
    return new FileStore(folder, file, size, lines, lock, clock)
  } catch (error) {
    await file?.close()
    await lock?.release()
    throw troubleOf(error, folder, `cannot be opened`)
  }
}

/** One write and one sync at a time; what comes meanwhile goes into the next. */
class FileStore implements StandInStore {
  readonly past: readonly StoreLine[]
  private readonly folder: string
  private readonly file: FileHandle
  private readonly lock: StoreLock
  private readonly clock: Clock
  private size: number
  private torn = false
  private closed = false
  private waiting: { text: string; resolve: () => void; reject: (error: unknown) => void }[] = []
  private flushing: Promise<void> | undefined

  constructor(
    folder: string,
    file: FileHandle,
    size: number,
    past: readonly StoreLine[],
    lock: StoreLock,
    clock: Clock,
  ) {
    this.folder = folder
    this.file = file
    this.size = size
    this.past = past
    this.lock = lock
    this.clock = clock
  }

  append(line: StoreLine): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new DataFolderError('failed', this.folder, 'The stand-in is closed.'))
      this.waiting.push({ text: `${JSON.stringify(line)}\n`, resolve, reject })
      this.flushing ??= this.clock.operation(this.flush())
    })
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.flushing
    await this.clock.operation(this.file.close().finally(() => this.lock.release()))
  }

  private async flush(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.waiting
      this.waiting = []
      try {
        await this.write(Buffer.from(group.map((entry) => entry.text).join('')))
        for (const entry of group) entry.resolve()
      } catch (error) {
        const trouble = troubleOf(error, this.folder, 'cannot be written; the request was not carried out')
        for (const entry of group) entry.reject(trouble)
      }
    }
    this.flushing = undefined
  }

  private async write(bytes: Buffer): Promise<void> {
    // What a failed write left behind would make the next line unreadable.
    if (this.torn) await this.file.truncate(this.size)
    this.torn = true
    await this.file.appendFile(bytes)
    await this.file.datasync()
    this.torn = false
    this.size += bytes.length
  }
}

/** Whole lines only: a line without its end was never answered for. */
function readLines(bytes: Buffer, folder: string, path: string): { lines: readonly StoreLine[]; size: number } {
  const size = bytes.lastIndexOf(NEWLINE) + 1
  const lines = bytes.toString('utf8', 0, size).split('\n').slice(0, -1)
  return { lines: lines.map((line, i) => readLine(line, folder, `${path}:${i + 1}`)), size }
}

function readLine(text: string, folder: string, place: string): StoreLine {
  try {
    return lineSchema.parse(JSON.parse(text))
  } catch (cause) {
    const version = /^\{"v":(\d+),/.exec(text)?.[1]
    if (version !== undefined && Number(version) > 1) {
      throw new DataFolderError('newer-format', folder, `${place} was written by a newer version (${version}).`)
    }
    const message = `${place} is damaged. Move the file away: the stand-in then forgets its agent runs.`
    throw new DataFolderError('damaged', folder, message, { cause })
  }
}

const metadata = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
const base = { v: z.literal(1), at: z.number() }
const prompted = {
  ...base,
  id: z.number().int(),
  pace: z.object({ seed: z.number(), speed: z.number().positive() }),
  prompt: z.string(),
  webhooks: z.array(z.object({ url: z.string(), secret: z.string().nullish() })).nullable(),
}
const lineSchema = z.discriminatedUnion('type', [
  z.object({ ...prompted, type: z.literal('create'), source: z.string(), metadata: metadata.nullable() }),
  z.object({ ...prompted, type: z.literal('resume') }),
  z.object({ ...base, type: z.literal('ban'), id: z.number().int() }),
  z.object({ ...base, type: z.literal('unban'), id: z.number().int() }),
  z.object({
    ...base,
    type: z.literal('webhook'),
    config: z.object({ url: z.string(), secret: z.string().nullable(), enabled: z.boolean() }).nullable(),
  }),
])

/** A new file is only there after a power cut if its folder's entry is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const TROUBLES: Readonly<Record<string, DataFolderTrouble>> = {
  EACCES: 'read-only',
  EPERM: 'read-only',
  EROFS: 'read-only',
  ENOSPC: 'full',
  EDQUOT: 'full',
}

function troubleOf(error: unknown, folder: string, what: string): DataFolderError {
  if (error instanceof DataFolderError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = error instanceof Error ? error.message : String(error)
  const message = `The stand-in's file in ${folder} ${what}: ${reason}.`
  return new DataFolderError(TROUBLES[code] ?? 'failed', folder, message, { cause: error })
}
