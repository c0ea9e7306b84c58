import type { ControlClient } from '../client/control-client.ts'
import type { DataFolderReader } from '../domain/orchestration.ts'
import type { FolderHold, TakeOptions } from '../hold-folder.ts'
import type { LocalTools } from './local-tools.ts'

/** A stream that text is written to; a terminal has a size. */
export interface Output {
  /** False: more was written than was taken so far. */
  write(text: string): boolean
  /** Calls back once what was written so far was taken. */
  onceDrained(fn: () => void): void
  readonly isTerminal: boolean
  /** Calls back once nobody takes what is written any more. */
  onceGone(fn: () => void): void
  readonly columns: number
  readonly rows: number
}

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** All that a command has of the outside. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The working directory. */
  readonly cwd: string
  readonly stdout: Output
  readonly stderr: Output
  /** Takes a line of a log; absent: logs go to standard error by themselves. */
  readonly logLine?: (line: string) => void
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `fn` every `ms` until the returned function is called. */
  every(ms: number, fn: () => void): () => void
  /** Tells of signals until the returned function is called; meanwhile they do not end the process. */
  onSignal(listener: (signal: StopSignal) => void): () => void
  /** Ends the process at once. */
  exitNow(code: number): void
  /** Asks one line of the person at the terminal; undefined when they leave. Absent where nobody can answer. */
  readonly question?: (prompt: string) => Promise<string | undefined>
  /** Redraws lines in place on the terminal of stdout. */
  openScreen(): Promise<Screen>
  /** Throws DataFolderError `data-folder-locked` when another process holds it. */
  takeFolder(dataDir: string, options: TakeOptions): Promise<FolderHold>
  /** A client of the living holder of a folder; undefined when nobody holds it. */
  findHolder(dataDir: string): Promise<ControlClient | undefined>
  openReader(dataDir: string): Promise<DataFolderReader>
  /** Git and the agents of this machine. */
  openLocal(): Promise<LocalTools>
  /** A text that changes whenever runs, or records of the runs named, are added to a folder. */
  stampOf(dataDir: string, runs: readonly string[]): Promise<string>
}

/** Lines that are drawn over again. */
export interface Screen {
  draw(lines: readonly string[]): void
  /** Takes the lines away. */
  clear(): void
  close(): void
}
