/** A real `troupe` process that may be stopped at a point and killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PAUSE_POINT = fileURLToPath(new URL('pause-point.mjs', import.meta.url))
const OURS = /^(CODEGEN_|TROUPE_)/

/** How a process ended, and all that it said. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProcessOptions {
  /** `dist/cli/main.js`, wherever it was built. */
  readonly cli: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Modules that are loaded before it. */
  readonly preload?: readonly string[]
  /** `create.answered:3`: where it stands still. */
  readonly pauseAt?: string
  readonly cwd?: string
}

/** One process. */
export class CrashProcess {
  readonly ended: Promise<ProcessEnd>
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  #isOver = false
  readonly #listeners = new Set<() => void>()

  constructor({ cli, args, env = {}, preload = [], pauseAt, cwd }: ProcessOptions) {
    const own = Object.entries(process.env).filter(([name]) => !OURS.test(name))
    const modules = [...preload, ...(pauseAt === undefined ? [] : [PAUSE_POINT])]
    this.child = spawn(process.execPath, [...modules.flatMap((module) => ['--import', module]), cli, ...args], {
      env: { ...Object.fromEntries(own), ...env, ...(pauseAt === undefined ? {} : { TROUPE_PAUSE_AT: pauseAt }) },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.child.stdout?.on('data', (chunk: Buffer) => this.#heard('stdout', chunk))
    this.child.stderr?.on('data', (chunk: Buffer) => this.#heard('stderr', chunk))
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        this.#isOver = true
        this.#tell()
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves with true once `seen` is, with false when the process ends without. */
  until(seen: (process: CrashProcess) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        const found = seen(this)
        if (!found && !this.#isOver) return
        this.#listeners.delete(look)
        resolve(found)
      }
      this.#listeners.add(look)
      look()
    })
  }

  /** Sends SIGKILL; resolves with whether that ended it. */
  async kill(): Promise<boolean> {
    this.child.kill('SIGKILL')
    return (await this.ended).signal === 'SIGKILL'
  }

  /** Kills it if it has not ended by itself in time. */
  async endsWithin(ms: number): Promise<ProcessEnd & { readonly isLate: boolean }> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.child.kill('SIGKILL')
    }, ms)
    const end = await this.ended
    clearTimeout(timer)
    return { ...end, isLate }
  }

  #heard(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this[stream] += chunk.toString()
    this.#tell()
  }

  #tell(): void {
    for (const look of [...this.#listeners]) look()
  }
}
