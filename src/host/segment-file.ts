import { constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { type FileSystem, type OpenFile, syncFolder, writeAll } from './file-system.ts'
import { errorCode } from './folder-trouble.ts'

const NAME = /^journal\.([1-9]\d{0,15})\.ndjson$/
const NEWLINE = 0x0a
const TAIL_BYTES = 64 * 1024

/** One file of a journal. */
export interface Segment {
  readonly name: string
  /** The seq of its first line. */
  readonly firstSeq: number
}

/** The name of the segment whose first line has `firstSeq`. */
function segmentName(firstSeq: number): string {
  return `journal.${firstSeq}.ndjson`
}

/** The segments of a run's folder, oldest first; none where the folder does not exist. */
export async function listSegments(folder: string): Promise<Segment[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
  const segments = names.flatMap((name) => {
    const match = NAME.exec(name)
    return match ? [{ name, firstSeq: Number(match[1]) }] : []
  })
  return segments.sort((a, b) => a.firstSeq - b.firstSeq)
}

/** A segment open for appending. What is not yet durable can be written again in its place. */
export class SegmentFile {
  readonly firstSeq: number
  private readonly file: OpenFile
  private readonly clock: Clock
  private durableBytes: number

  private constructor(firstSeq: number, file: OpenFile, clock: Clock, durableBytes: number) {
    this.firstSeq = firstSeq
    this.file = file
    this.clock = clock
    this.durableBytes = durableBytes
  }

  /** Opens or creates a segment; its name is durable and a torn last line is cut when this resolves. */
  static async open(fs: FileSystem, folder: string, firstSeq: number, clock: Clock): Promise<SegmentFile> {
    const path = join(folder, segmentName(firstSeq))
    const file = await clock.operation(fs.open(path, constants.O_RDWR | constants.O_CREAT, 0o600))
    try {
      await clock.operation(syncFolder(fs, folder))
      const { size } = await clock.operation(file.stat())
      const whole = await clock.operation(wholeLinesLength(file, size))
      if (whole < size) await clock.operation(file.truncate(whole))
      return new SegmentFile(firstSeq, file, clock, whole)
    } catch (error) {
      await clock.operation(file.close())
      throw error
    }
  }

  /** Makes `bytes` durable behind what is durable already. After a failure the file is as before, if the disk lets it. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.clock.operation(writeAll(this.file, bytes, this.durableBytes))
      await this.clock.operation(this.file.datasync())
      this.durableBytes += bytes.length
    } catch (error) {
      await this.clock.operation(this.file.truncate(this.durableBytes)).catch(() => {})
      throw error
    }
  }

  /** What was appended is durable whether or not the closing works. */
  async close(): Promise<void> {
    await this.clock.operation(this.file.close()).catch(() => {})
  }
}

/** How many of the first `size` bytes are whole lines. */
async function wholeLinesLength(file: Pick<OpenFile, 'read'>, size: number): Promise<number> {
  const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES))
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - buffer.length)
    const { bytesRead } = await file.read(buffer, 0, end - start, start)
    const newline = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (newline >= 0) return start + newline + 1
    end = start
  }
  return 0
}
