import { open } from 'node:fs/promises'
import type { Clock } from '../domain/clock.ts'

const NEWLINE = 0x0a
const CHUNK_BYTES = 256 * 1024
/** A longer line is damage (a run of zeros after a power cut); it is passed on cut. */
const LONGEST_LINE_BYTES = 64 * 1024 * 1024

/** How the reading of a file ended. */
export interface LinesRead {
  /** Bytes of whole lines. */
  readonly wholeBytes: number
  /** Bytes behind the last newline. */
  readonly tornBytes: number
  /** Those bytes; of very many, the first. */
  readonly torn: Buffer
  /** False when `onLine` ended it. */
  readonly toEnd: boolean
}

/**
 * Calls `onLine` with each whole line (without its newline; the buffer is good for the call only), in bounded memory.
 * Ends early when it returns false. The file may grow meanwhile.
 */
export async function readLines(path: string, clock: Clock, onLine: (line: Buffer) => boolean): Promise<LinesRead> {
  const file = await clock.operation(open(path, 'r'))
  const splitter = new LineSplitter(onLine)
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let position = 0; ; ) {
      const { bytesRead } = await clock.operation(file.read(chunk, 0, chunk.length, position))
      if (bytesRead === 0) return splitter.result(true)
      if (!splitter.push(chunk.subarray(0, bytesRead))) return splitter.result(false)
      position += bytesRead
    }
  } finally {
    await clock.operation(file.close())
  }
}

class LineSplitter {
  private readonly onLine: (line: Buffer) => boolean
  private parts: Buffer[] = []
  private partBytes = 0
  private keptBytes = 0
  private wholeBytes = 0

  constructor(onLine: (line: Buffer) => boolean) {
    this.onLine = onLine
  }

  push(chunk: Buffer): boolean {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.complete(chunk.subarray(start, end))
      this.wholeBytes += this.partBytes + (end - start) + 1
      this.partBytes = 0
      start = end + 1
      if (!this.onLine(line)) return false
    }
    this.keep(chunk.subarray(start))
    return true
  }

  result(toEnd: boolean): LinesRead {
    const torn = toEnd ? Buffer.concat(this.parts) : Buffer.alloc(0)
    return { wholeBytes: this.wholeBytes, tornBytes: toEnd ? this.partBytes : 0, torn, toEnd }
  }

  private complete(end: Buffer): Buffer {
    if (this.parts.length === 0) return end
    const line = Buffer.concat([...this.parts, end])
    this.parts = []
    this.keptBytes = 0
    return line
  }

  /** The chunk's memory is used again: what outlives it is copied. */
  private keep(part: Buffer): void {
    this.partBytes += part.length
    const room = LONGEST_LINE_BYTES - this.keptBytes
    if (part.length === 0 || room <= 0) return
    const kept = Buffer.from(part.subarray(0, room))
    this.parts.push(kept)
    this.keptBytes += kept.length
  }
}
