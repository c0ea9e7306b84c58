import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Clock } from '../../domain/clock.ts'
import { sweep } from './process-marks.ts'

/** By which a later troupe of the same owner finds the guard of an earlier one. */
const GUARD_MARK = 'TROUPE_GUARD'
/** How long the guard may take to end once it was told to. */
const LONGEST_END_MS = 5_000

/** A process that outlives this one, however that ends, and then kills what bears the owner's mark. */
export interface Guard {
  readonly pid: number
  /** All agents have ended: it goes without looking for them. Safe to call again. */
  close(): Promise<void>
}

/**
 * Starts the guard of an owner; start no process with the owner's mark before it. A guard that an earlier troupe has left, and that may still
 * be at work, is killed first: it would take new agents for old ones. Rejects where it cannot be started.
 */
export async function startGuard(owner: string, { clock }: { clock: Clock }): Promise<Guard> {
  await sweep(GUARD_MARK, owner, { clock })
  const child = spawn(process.execPath, [...programArgs(), owner], {
    // No folder is held by it, and nothing of troupe's own environment: least of all the mark that it looks for.
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', [GUARD_MARK]: owner },
    // Its own session, so that Ctrl-C in troupe's terminal is not for it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    windowsHide: true,
  })
  child.stdin?.on('error', () => undefined)
  await clock.operation(spawned(child))
  // troupe does not stay for its guard.
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let closing: Promise<void> | undefined
  return {
    pid: child.pid ?? 0,
    close: () => {
      closing ??= endGuard(child, gone, clock)
      return closing
    },
  }
}

/** How Node runs the guard: what is compiled, or from source (development) with what compiles it. */
function programArgs(): readonly string[] {
  const program = fileURLToPath(new URL('./orphan-guard.js', import.meta.url))
  if (import.meta.url.endsWith('.js')) return [program]
  const compiler = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--import', compiler, program.replace(/js$/, 'ts')]
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.on('error', reject)
  })
}

async function endGuard(child: ChildProcess, gone: Promise<void>, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  child.stdin?.end('done\n')
  const timer = clock.setTimeout(() => child.kill('SIGKILL'), LONGEST_END_MS)
  await gone
  clock.clearTimeout(timer)
}
