import type { ChildProcess } from 'node:child_process'
import { Readable, type Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { type Clock, sleep } from '../../domain/clock.ts'
import { LastOutput } from './last-output.ts'
import { exists, isGroupGone, type StartOptions, signalGroup, spawnGroup } from './process-group.ts'
import { startOf } from './process-table.ts'

/** How much of stderr is kept. */
const STDERR_BYTES = 8 * 1024
/** Unread output past which a process is let wait, so that memory has a bound. */
const MOST_UNREAD = 64 * 1024 * 1024
/** How long output is waited for once its process has ended: what it started may hold the pipe for ever. */
const DRAIN_MS = 1_000
const LONGEST_LINE = 16 * 1024 * 1024
/** How long what was killed may take to go; the system may hold it for longer, but nobody can do more. */
const KILLED_MS = 10_000
const POLL_MS = 20

/** A running program, first of its own process group. */
export interface AgentProcess {
  readonly pid: number
  /** As the system tells it; empty where it had ended before it could be asked. */
  readonly startedAt: string
  /** Never throws and never emits an unhandled error: a process that no longer reads shows in `exited`. */
  readonly stdin: Writable | null
  /** All that it prints, kept until it is read, up to 64 MB. Ends soon after the process. */
  readonly stdout: Readable
  /** The end of what it printed to stderr, at most 8 KB, without control characters. */
  stderrTail(): string
  /** Resolves once all that it printed has arrived, at most a second after its end. */
  readonly exited: Promise<ProcessExit>
}

/** How a process ended: one of the two is null. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
}

/** Besides what is started. */
export interface ProcessOptions extends StartOptions {
  readonly clock: Clock
  /** Told of all that it prints to stdout and stderr, as it comes. */
  readonly onOutput?: (chunk: Buffer) => void
}

/** Starts a program in its own process group, without a shell. Throws BackendError `refused` when it cannot be started. */
export async function startProcess(options: ProcessOptions): Promise<AgentProcess> {
  const child = await spawnGroup(options)
  const stderr = new LastOutput(STDERR_BYTES)
  child.stdin?.on('error', () => undefined)
  const source = child.stdout ?? Readable.from([])
  const stdout = drained(source, child)
  const exited = exitOf(child, options.clock)
  const { onOutput } = options
  if (onOutput) source.on('data', onOutput)
  child.stderr
    ?.on('error', () => undefined)
    .on('data', (chunk: Buffer) => {
      stderr.add(chunk)
      onOutput?.(chunk)
    })
  const pid = child.pid ?? 0
  const startedAt = await startOf(pid)
  return { pid, startedAt, stdin: child.stdin, stdout, stderrTail: () => stderr.text(), exited }
}

/** All that comes out of `source`, which is emptied whether or not anybody reads, so that its process does not wait for us. */
function drained(source: Readable, child: ChildProcess): Readable {
  let mayWait = true
  const out = new Readable({
    read() {
      source.resume()
    },
    destroy(error, done) {
      source.resume()
      done(error)
    },
  })
  source.on('data', (chunk: Buffer) => {
    if (out.destroyed) return
    out.push(chunk)
    if (mayWait && out.readableLength > MOST_UNREAD) source.pause()
  })
  source.on('error', () => undefined)
  source.once('close', () => {
    if (!out.destroyed) out.push(null)
  })
  child.once('exit', () => {
    // What is left is no more than a pipe holds.
    mayWait = false
    source.resume()
  })
  return out
}

function exitOf(child: ChildProcess, clock: Clock): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const done = () => {
        clock.clearTimeout(timer)
        child.stdout?.destroy()
        child.stderr?.destroy()
        resolve({ code, signal })
      }
      const timer = clock.setTimeout(done, DRAIN_MS)
      child.once('close', done)
    })
  })
}

/** The lines of a program's output, without their ends. A longer one than 16 MB is cut, and says so at its end. */
export async function* linesOf(stdout: Readable): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8')
  const line = new PartialLine()
  for await (const chunk of stdout) {
    const text = typeof chunk === 'string' ? chunk : decoder.write(chunk)
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      line.add(text.slice(from, end))
      yield line.take()
      from = end + 1
    }
    line.add(text.slice(from))
  }
  line.add(decoder.end())
  if (!line.isEmpty) yield line.take()
}

/** The beginning of a line whose end has not come yet. */
class PartialLine {
  #parts: string[] = []
  #length = 0

  get isEmpty(): boolean {
    return this.#length === 0
  }

  add(text: string): void {
    if (text === '') return
    const room = LONGEST_LINE - this.#length
    if (room > 0) this.#parts.push(text.slice(0, room))
    this.#length += text.length
  }

  take(): string {
    const text = this.#parts.join('')
    const cut = this.#length - text.length
    this.#parts = []
    this.#length = 0
    return cut > 0 ? `${text} [cut here: the line is ${cut} characters longer]` : text.replace(/\r$/, '')
  }
}

/** How a process is ended. */
export interface EndOptions {
  readonly clock: Clock
  /** What its group is asked with to end, when closing its stdin was not enough. */
  readonly signal: 'SIGINT' | 'SIGTERM'
  /** How long it has after its stdin was closed. */
  readonly closeMs?: number
  /** How long it has after the signal. */
  readonly signalMs?: number
}

/**
 * Ends a process: closes its stdin, then signals its group, then kills it. Resolves when nothing of its group lives any more; safe to call
 * again, and for one that has ended. What has left the group is the sweep's.
 */
export async function endProcess(process: AgentProcess, options: EndOptions): Promise<void> {
  const { clock, signal, closeMs = 3_000, signalMs = 3_000 } = options
  process.stdin?.end()
  const closed = await endsWithin(process, clock, process.stdin ? closeMs : 0)
  if (!closed) {
    signalGroup(process.pid, signal)
    if (!(await endsWithin(process, clock, signalMs))) {
      signalGroup(process.pid, 'SIGKILL')
      if (!(await endsWithin(process, clock, KILLED_MS))) return
    }
  }
  await endRest(process.pid, clock)
}

/** Kills what the first of a group left in it. A group's number is not given out again while one of it lives. */
async function endRest(group: number, clock: Clock): Promise<void> {
  for (let waited = 0; waited < KILLED_MS; waited += POLL_MS) {
    const isAnother = exists(group)
    if (isAnother || (await clock.operation(isGroupGone(group)))) return
    signalGroup(group, 'SIGKILL')
    await sleep(clock, POLL_MS)
  }
}

function endsWithin({ exited }: AgentProcess, clock: Clock, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(false), ms)
    void exited.then(() => {
      clock.clearTimeout(timer)
      resolve(true)
    })
  })
}
