import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { type Clock, sleep, type TimerHandle } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'

/** No hooks, no clean-up behind our back, no signature that asks for a passphrase, nothing that lives on in another process. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.splitIndex=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'commit.gpgsign=false',
  'rerere.enabled=false',
  'submodule.recurse=false',
].flatMap((setting) => ['-c', setting])
const IDENTITY = {
  GIT_AUTHOR_NAME: 'troupe',
  GIT_AUTHOR_EMAIL: 'troupe@localhost',
  GIT_COMMITTER_NAME: 'troupe',
  GIT_COMMITTER_EMAIL: 'troupe@localhost',
}
/** Where git finds itself, its filters and what its user has configured. */
const TAKEN = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'TMPDIR']
const LIMIT_MS = 10 * 60_000
/** From SIGTERM, at which git removes its locks, to SIGKILL. */
const TERM_MS = 5_000
const LARGEST_OUTPUT = 256 * 1024 * 1024
/** Pauses after another git was in the way. */
const PAUSES_MS = [50, 100, 200, 400, 800, 1_600]
/** It holds a lock, or has half made a worktree: git reads the list of all of them in many of its commands. */
const IN_THE_WAY = [
  /Unable to create '[^']*\.lock': File exists/i,
  /could not lock config file/,
  /failed to read .*worktrees\/[^/]+\/(?:commondir|gitdir|HEAD)/,
]
const QUOTED = 600

/** Where and how git is called. */
export interface GitPlace {
  readonly clock: Clock
  /** Absolute. */
  readonly folder: string
  readonly signal: AbortSignal
  /** troupe's own environment; only what git needs is taken from it. */
  readonly own: Readonly<Record<string, string | undefined>>
  /** Variables that every call is given beside that. */
  readonly set: Readonly<Record<string, string>>
}

interface GitCall {
  readonly input?: string
  /** Exit codes that are answers, beside 0. */
  readonly answers?: readonly number[]
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly error: Error | null
}

/** The git of this machine, called in one place. Every method throws BackendError, or the signal's reason. */
export class Git {
  readonly #place: GitPlace

  constructor(place: GitPlace) {
    this.#place = place
  }

  get signal(): AbortSignal {
    return this.#place.signal
  }

  /** The same git elsewhere. */
  at(folder: string, set: Readonly<Record<string, string>> = {}): Git {
    return new Git({ ...this.#place, folder, set: { ...this.#place.set, ...set } })
  }

  /** The same git with more variables. */
  with(set: Readonly<Record<string, string>>): Git {
    return this.at(this.#place.folder, set)
  }

  /** What git printed and how it ended. Tries again where another git was in the way. */
  async ask(args: readonly string[], call: GitCall = {}): Promise<{ readonly code: number; readonly text: string }> {
    const { clock, signal } = this.#place
    for (let tries = 0; ; tries++) {
      const { code, stdout, stderr, error } = await this.#once(args, call.input ?? '')
      if (code === 0 || (code !== null && call.answers?.includes(code))) return { code, text: stdout }
      const pause = PAUSES_MS[tries]
      if (pause === undefined || !IN_THE_WAY.some((words) => words.test(stderr)))
        throw this.#failed(args, stderr, error)
      await sleep(clock, pause, signal)
    }
  }

  /** What git printed, without the end of its last line. */
  async line(args: readonly string[], call: GitCall = {}): Promise<string> {
    return (await this.ask(args, call)).text.replace(/\n$/, '')
  }

  /** What git printed with `-z`. */
  async list(args: readonly string[], call: GitCall = {}): Promise<string[]> {
    const { text } = await this.ask(args, call)
    return text.split('\0').filter((item) => item !== '')
  }

  /** Whether it answers with 0 rather than 1. */
  async holds(args: readonly string[]): Promise<boolean> {
    return (await this.ask(args, { answers: [1] })).code === 0
  }

  /** The commit that a name stands for, or undefined. */
  async commit(name: string): Promise<string | undefined> {
    const { text } = await this.ask(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`], {
      answers: [1, 128],
    })
    return text.trim() || undefined
  }

  /** Resolves when the process is gone, also after an abort: what it was writing is settled then. */
  async #once(args: readonly string[], input: string): Promise<Ended> {
    const { clock, folder, signal } = this.#place
    signal.throwIfAborted()
    let late = false
    let stop = (_name: NodeJS.Signals) => {}
    let force: TimerHandle | undefined
    const end = () => {
      stop('SIGTERM')
      force ??= clock.setTimeout(() => stop('SIGKILL'), TERM_MS)
    }
    const limit = clock.setTimeout(() => {
      late = true
      end()
    }, LIMIT_MS)
    signal.addEventListener('abort', end, { once: true })
    try {
      const running = start([...SETTINGS, '-C', folder, ...args], this.#environment(), input)
      stop = running.kill
      const ended = await clock.operation(running.ended)
      if (ended.code !== 0) signal.throwIfAborted()
      if (late) throw this.#tooLate(args)
      return ended
    } finally {
      clock.clearTimeout(limit)
      if (force !== undefined) clock.clearTimeout(force)
      signal.removeEventListener('abort', end)
    }
  }

  /** Built from nothing: troupe may run inside a hook, where GIT_DIR and GIT_INDEX_FILE point at something else. */
  #environment(): Record<string, string> {
    const { own, set } = this.#place
    const taken = TAKEN.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]] as const]))
    const fixed = { LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_EDITOR: 'true' }
    return { ...Object.fromEntries(taken), ...fixed, ...IDENTITY, ...set }
  }

  #failed(args: readonly string[], stderr: string, error: Error | null): BackendError {
    if (error !== null && 'code' in error && error.code === 'ENOENT') {
      const message = 'git is not installed, or not on the PATH. Install git 2.38 or newer.'
      return new BackendError(message, { kind: 'refused', retryable: false, certain: true, cause: error })
    }
    const said = stderr.trim().slice(0, QUOTED) || (error?.message.split('\n')[0] ?? 'it gave no reason')
    const message = `git ${args[0]} failed in ${this.#place.folder}: ${said}`
    return new BackendError(message, { kind: 'crashed', retryable: true, certain: true, cause: error ?? undefined })
  }

  #tooLate(args: readonly string[]): BackendError {
    const message = `git ${args[0]} took longer than ${LIMIT_MS / 60_000} minutes in ${this.#place.folder} and was stopped.`
    return new BackendError(message, { kind: 'timeout', retryable: true, certain: true })
  }
}

/** In a process group of its own: what git starts ends with it, and Ctrl-C in a terminal does not reach it in the middle of its work. */
function start(args: readonly string[], env: Record<string, string>, input: string) {
  const child = spawn('git', args, { cwd: '/', env, detached: true, stdio: 'pipe' })
  const ended = new Promise<Ended>((resolve) => {
    let error: Error | null = null
    const fail = (reason: Error) => {
      error ??= reason
      killGroup(child, 'SIGTERM')
    }
    const stdout = gather(child.stdout, fail)
    const stderr = gather(child.stderr, fail)
    child.on('error', fail)
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('close', (code) =>
      resolve({ code: error === null ? code : null, stdout: stdout(), stderr: stderr(), error }),
    )
  })
  return { ended, kill: (name: NodeJS.Signals) => killGroup(child, name) }
}

function gather(stream: Readable, fail: (error: Error) => void): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > LARGEST_OUTPUT) fail(new Error(`it printed more than ${LARGEST_OUTPUT} bytes`))
    else chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('utf8')
}

function killGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // It has ended.
  }
}
