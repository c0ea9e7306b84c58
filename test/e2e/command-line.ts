/** The command line as people use it: real processes, real folders, a real stand-in. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { it, vi } from 'vitest'
import { openDataFolderReader } from '../../src/data-folder-reader.ts'
import { findMark, formatKey } from '../../src/domain/ids.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import type { RunView } from '../../src/domain/views.ts'

// Each test starts several processes, and shares two cores with the rest of the suite.
vi.setConfig({ testTimeout: 90_000 })

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OURS = /^(CODEGEN_|TROUPE_)/

/** How a process ended and all that it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** One agent of the result line. */
export interface ResultTask {
  readonly task: string
  readonly state: string
  readonly attempts: number
  readonly url: string | null
  readonly pullRequests: readonly object[]
}

/** The last line of `--json`. */
export interface ResultLine {
  readonly type: 'result'
  readonly run: string
  readonly status: string
  readonly standIn: boolean
  readonly tasks: readonly ResultTask[]
}

/** One running `troupe`. */
export class Command {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  readonly #words: string
  readonly #waiters = new Set<() => void>()
  #over = false

  constructor(args: readonly string[], env: Readonly<Record<string, string>>, folder?: string) {
    this.#words = args.join(' ')
    const own = Object.entries(process.env).filter(([name]) => !OURS.test(name))
    this.child = spawn(process.execPath, [process.env['TROUPE_TEST_CLI'] ?? 'dist/cli/main.js', ...args], {
      cwd: folder ?? ROOT,
      env: folder === undefined ? { ...Object.fromEntries(own), ...env } : { ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk: Buffer) => this.#heard('stdout', chunk))
    this.child.stderr?.on('data', (chunk: Buffer) => this.#heard('stderr', chunk))
    // Where it cannot be started, nothing is ever closed.
    this.child.on('error', (error) => this.#heard('stderr', Buffer.from(`${error.message}\n`)))
    this.ended = new Promise((resolve) => {
      this.child.on('error', () => this.child.emit('close', null, null))
      this.child.on('close', (code, signal) => {
        this.#over = true
        this.#wake()
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves with the match once the output holds it; rejects when the process ends without. */
  saw(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this[stream])
        if (match === null && !this.#over) return
        this.#waiters.delete(look)
        if (match !== null) resolve(match)
        else reject(new Error(`troupe ${this.#words} never said ${pattern}:\n${this.stdout}\n${this.stderr}`))
      }
      this.#waiters.add(look)
      look()
    })
  }

  /** Resolves once the record of an agent's (or the supervisor's) arrival in a state was printed by `--json`. */
  sawState(actor: string, state: string): Promise<unknown> {
    return this.saw(new RegExp(`"id":"${escaped(actor)}"\\},.*"to":"${escaped(state)}"`))
  }

  /** The run's id, as soon as it is printed. */
  async run(): Promise<string> {
    return (await this.saw(/run_[0-9a-z]{18}/))[0]
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  #heard(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this[stream] += chunk.toString()
    this.#wake()
  }

  #wake(): void {
    for (const look of [...this.#waiters]) look()
  }
}

/** A stand-in in a process of its own. */
export interface StandInProcess {
  readonly url: string
  readonly port: string
  /** For processes that are to use it. */
  readonly env: Readonly<Record<string, string>>
  /** How often each RUN/TASK/ATTEMPT was created. */
  creations(): Promise<Readonly<Record<string, number>>>
  turns(): Promise<Readonly<Record<string, number>>>
  setFaults(faults: Readonly<Record<string, number>>): Promise<void>
  stop(): Promise<void>
}

/** Everything that one test starts and makes; it is ended and removed after the test. */
export class Terminal {
  readonly #commands: Command[] = []
  readonly #folders: string[] = []

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'troupe-e2e-'))
    this.#folders.push(folder)
    return folder
  }

  /** A workflow file in a folder of its own. */
  async workflow(yaml: string): Promise<string> {
    const file = join(await this.folder(), 'workflow.yaml')
    await writeFile(file, yaml)
    return file
  }

  /** Typed in a folder of somebody's own, it has this environment and nothing else. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}, folder?: string): Command {
    const command = new Command(args, env, folder)
    this.#commands.push(command)
    return command
  }

  /** Runs a command to its end. */
  troupe(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(args, env).ended
  }

  async show(run: string, dataDir: string): Promise<RunView> {
    const { stdout } = await this.troupe(['show', run, '--json', '--data-dir', dataDir])
    return JSON.parse(stdout) as RunView
  }

  /** Every record of a run, as a program reads them from the disk. */
  records(run: string, dataDir: string): Promise<readonly RunRecord[]> {
    return openDataFolderReader(dataDir).records(run, 0, 10_000)
  }

  async standIn(args: readonly string[] = []): Promise<StandInProcess> {
    const command = this.start(['stand-in', '--port', '0', ...args])
    const [, url = ''] = await command.saw(/stand-in listening on (\S+)/)
    const ask = async (path: string) => (await fetch(`${url}/_stand-in/${path}`)).json()
    return {
      url,
      port: new URL(url).port,
      env: { CODEGEN_API_BASE_URL: url },
      creations: async () => (await ask('creations')) as Record<string, number>,
      turns: async () => (await ask('turns')) as Record<string, number>,
      setFaults: async (faults) => {
        await fetch(`${url}/_stand-in/faults`, { method: 'PUT', body: JSON.stringify(faults) })
      },
      stop: async () => {
        command.signal('SIGTERM')
        await command.ended
      },
    }
  }

  async close(): Promise<void> {
    for (const command of this.#commands) {
      command.signal('SIGCONT')
      command.signal('SIGKILL')
    }
    await Promise.all(this.#commands.map(({ ended }) => ended))
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true })
  }
}

/** `it` with a terminal of its own for each test. */
export const inTerminal = it.extend<{ terminal: Terminal }>({
  terminal: async ({ task: _ }, use) => {
    const terminal = new Terminal()
    await use(terminal)
    await terminal.close()
  },
})

/** The JSON lines of `--json` that are records. */
export function recordsOf(stdout: string): readonly RunRecord[] {
  return linesOf(stdout).filter((line): line is RunRecord => 'seq' in line)
}

/** The result line; it has to be the last. */
export function resultOf(stdout: string): ResultLine {
  const last = linesOf(stdout).at(-1)
  if (last === undefined || !('type' in last) || last.type !== 'result') {
    throw new Error(`The last line is no result line:\n${stdout}`)
  }
  return last as ResultLine
}

/** The states that an actor was seen in, in order. */
export function statesOf(records: readonly RunRecord[], actor: string): readonly string[] {
  return records.flatMap((record) =>
    record.type === 'transition' && record.actor.id === actor && record.to !== undefined ? [record.to] : [],
  )
}

/** How often each RUN/TASK/ATTEMPT was created, by the file of the embedded stand-in. */
export async function storedCreations(dataDir: string): Promise<Readonly<Record<string, number>>> {
  const text = await readFile(join(dataDir, 'stand-in', 'runs.ndjson'), 'utf8')
  const counts: Record<string, number> = {}
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const stored = JSON.parse(line) as { type: string; prompt?: string }
    const mark = stored.type === 'create' ? findMark(stored.prompt ?? '') : undefined
    if (mark === undefined) continue
    const key = formatKey(mark.key)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

/** Each of these tasks of a run created once, at its first attempt. */
export function createdOnce(run: string, tasks: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(tasks.map((task) => [formatKey({ run, task, attempt: 1 }), 1]))
}

/** 1, 2, 3 ... up to `last`, from `first`. */
export function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function linesOf(stdout: string): readonly (RunRecord | ResultLine)[] {
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

function escaped(text: string): string {
  return text.replace(/[[\].]/g, '\\$&')
}
