import { writeSync } from 'node:fs'
import type { Clock } from '../domain/clock.ts'

/** Where a log's lines go. */
export interface LogSink {
  /** Takes a line, whatever becomes of it. Never throws and never waits. */
  write(line: string): void
  /** Writes what is still held back; gives up on a reader that takes nothing for a second. */
  flush(): void
}

/** A reader that has stopped costs so many characters; lines beyond them are left out and counted. */
const MOST_WAITING = 4 * 1024 * 1024
const AGAIN_MS = 50
const FLUSH_PAUSE_MS = 10
const FLUSH_TRIES = 100

/**
 * Lines to a file descriptor that does not block (a pipe is made so by libuv, when Node opens the standard stream): each is
 * written at once while the reader keeps up, so that a process that dies loses none.
 */
export function createLogSink(fd: number, clock: Clock, write: typeof writeSync = writeSync): LogSink {
  /** What is being written, and lines that come after it. */
  let piece = Buffer.alloc(0)
  let lines: string[] = []
  let length = 0
  let left = 0
  let broken = false
  let timer: ReturnType<Clock['setTimeout']> | undefined

  /** Writes what it can; false: the reader takes nothing now. */
  const drain = (): boolean => {
    while (!broken && (piece.length > 0 || lines.length > 0)) {
      if (piece.length === 0) {
        piece = Buffer.from(lines.join(''))
        lines = []
        length = 0
      }
      try {
        piece = piece.subarray(write(fd, piece))
      } catch (error) {
        if (isBusy(error)) return false
        // Whoever read the log has gone: there is nobody to tell.
        broken = true
      }
    }
    return true
  }
  const add = (line: string) => {
    lines.push(line)
    length += line.length
  }
  const goOn = () => {
    timer = undefined
    if (!drain()) return again()
    if (left === 0 || broken) return
    add(`${JSON.stringify({ level: 'warn', message: `${left} lines were left out: nobody read them.` })}\n`)
    left = 0
    goOn()
  }
  const again = () => {
    timer ??= clock.setTimeout(goOn, AGAIN_MS)
  }
  return {
    write(line) {
      if (broken) return
      if (piece.length + length + line.length > MOST_WAITING) {
        left++
        return
      }
      add(line)
      if (timer === undefined && !drain()) again()
    },
    flush() {
      for (let tries = 0; !drain() && tries < FLUSH_TRIES; tries++) pauseThread(FLUSH_PAUSE_MS)
    },
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY')
}

function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
