import { createRunAdmission } from '../../src/api/run-admission.ts'
import { createRunViews } from '../../src/api/run-views.ts'
import type { CliContext, Output, Screen, StopSignal } from '../../src/cli/context.ts'
import type { LocalTools } from '../../src/cli/local-tools.ts'
import { commanderExitCode, createProgram } from '../../src/cli/program.ts'
import { reportError } from '../../src/cli/report-error.ts'
import type { ControlClient } from '../../src/client/control-client.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import type { FolderHold, TakeOptions } from '../../src/hold-folder.ts'
import { fakeLocalTools } from './fake-local-tools.ts'
import { FakeOrchestrator, NOON } from './fake-orchestrator.ts'

/** What was written, and waiting for it. */
class FakeOutput implements Output {
  text = ''
  isTerminal = false
  columns = 80
  rows = 24
  readonly #waiters = new Set<() => void>()

  write(text: string): boolean {
    this.text += text
    for (const wake of this.#waiters) wake()
    return true
  }

  onceDrained(fn: () => void): void {
    fn()
  }

  /** Nobody takes what is written any more. */
  leave: () => void = () => undefined

  onceGone(fn: () => void): void {
    this.leave = fn
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }

  /** Resolves when the text fits the pattern. */
  until(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        if (!pattern.test(this.text)) return
        this.#waiters.delete(wake)
        resolve()
      }
      this.#waiters.add(wake)
      wake()
    })
  }
}

/** A command line without a process: nobody holds its folder unless a test says so. */
export class FakeCli implements CliContext {
  /** Milliseconds since 1970. */
  time = Date.parse(NOON)
  env: Record<string, string | undefined> = {}
  /** Holds no `troupe.config.yaml` unless a test says so. */
  cwd = 'fake'
  readonly stdout = new FakeOutput()
  readonly stderr = new FakeOutput()
  /** Carries the runs when this command line holds the folder. */
  readonly orchestrator = new FakeOrchestrator()
  /** The client of another holder; while there is one, the folder cannot be taken. */
  holder: ControlClient | undefined
  readonly taken: TakeOptions[] = []
  readonly exits: number[] = []
  readonly frames: (readonly string[])[] = []
  /** What every pause and redraw does before it comes. */
  onTick: () => void = () => undefined
  hold: FolderHold | undefined
  /** Whether the folder is still held. */
  check: () => Promise<void> = () => Promise.resolve()
  /** The git of this machine, and no agent. */
  local: LocalTools = fakeLocalTools()
  readonly #signals = new Set<(signal: StopSignal) => void>()

  readonly now = () => this.time
  readonly logLine = (line: string): void => void this.stderr.write(line)

  every(_ms: number, fn: () => void): () => void {
    const tick = () => {
      this.onTick()
      timer = setImmediate(tick)
      fn()
    }
    let timer = setImmediate(tick)
    return () => clearImmediate(timer)
  }

  onSignal(listener: (signal: StopSignal) => void): () => void {
    this.#signals.add(listener)
    return () => this.#signals.delete(listener)
  }

  signal(name: StopSignal): void {
    for (const listener of this.#signals) listener(name)
  }

  exitNow(code: number): void {
    this.exits.push(code)
  }

  async openScreen(): Promise<Screen> {
    return { draw: (lines) => void this.frames.push(lines), clear: () => undefined, close: () => undefined }
  }

  async takeFolder(dataDir: string, options: TakeOptions): Promise<FolderHold> {
    if (this.holder) throw new DataFolderError('locked', dataDir, `Another troupe holds ${dataDir}.`)
    this.taken.push(options)
    const { orchestrator } = this
    this.hold = {
      orchestrator,
      views: createRunViews(orchestrator, orchestrator.reader()),
      admission: createRunAdmission(),
      check: () => this.check(),
      close: () => orchestrator.close(),
    }
    return this.hold
  }

  async findHolder(_dataDir: string): Promise<ControlClient | undefined> {
    return this.holder
  }

  async openReader() {
    return this.orchestrator.reader()
  }

  async openLocal(): Promise<LocalTools> {
    return this.local
  }

  async stampOf(_dataDir: string, runs: readonly string[]): Promise<string> {
    const seqs = runs.map((run) => this.orchestrator.view(run).seq)
    return JSON.stringify([this.orchestrator.runs().length, seqs])
  }

  /** Runs a command line as the process would; gives its exit code. */
  async run(...words: string[]): Promise<number> {
    let exitCode = 0
    const onExitCode = (code: number) => {
      exitCode = code
    }
    try {
      await createProgram({ version: '1.2.3', context: this, onExitCode }).parseAsync(words, { from: 'user' })
      return exitCode
    } catch (error) {
      return commanderExitCode(error) ?? reportError(this, error)
    }
  }
}
