import { type ChildProcess, spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { BackendError } from '../../domain/errors.ts'
import { factsOf, listedPids } from './process-table.ts'

/** What a process is started with. */
export interface StartOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>
  readonly stdin: 'pipe' | 'ignore'
}

/** Starts a program as the first of a process group of its own. Throws BackendError when that is impossible; nothing runs then. */
export async function spawnGroup({ command, args, cwd, env, stdin }: StartOptions): Promise<ChildProcess> {
  try {
    const stdio = [stdin, 'pipe', 'pipe'] as const
    const child = spawn(command, args, { cwd, env, stdio: [...stdio], detached: true, windowsHide: true })
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('spawn', () => {
        // A later one tells that a signal could not be sent; who signals finds out by itself.
        child.on('error', () => undefined)
        resolve()
      })
    })
    return child
  } catch (error) {
    throw await refusalOf(command, cwd, error)
  }
}

async function refusalOf(command: string, cwd: string, cause: unknown): Promise<BackendError> {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const begin = `'${command}' could not be started`
  if (['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(code)) {
    const message = `${begin}: the system has no room for another process (${code}). Run fewer agents at once.`
    return new BackendError(message, { kind: 'unreachable', retryable: true, certain: true, cause })
  }
  const message = `${begin}: ${await reasonOf(command, cwd, code, cause)}`
  return new BackendError(message, { kind: 'refused', retryable: false, certain: true, cause })
}

async function reasonOf(command: string, cwd: string, code: string, cause: unknown): Promise<string> {
  const folder = await stat(cwd).catch(() => undefined)
  if (!folder?.isDirectory()) return `there is no folder ${cwd} to start it in.`
  switch (code) {
    case 'ENOENT':
      return command.includes('/')
        ? 'there is no such program, or what its first line names is not installed. Install it, or correct its path.'
        : 'no such program was found on the PATH. Install it, or give its whole path.'
    case 'EACCES':
      return `it may not be executed, or ${cwd} may not be entered. Correct the permissions (chmod +x).`
    case 'E2BIG':
      return 'its arguments and environment are longer than the system takes. Give a long text on stdin or in a file.'
    default:
      return `${cause instanceof Error ? cause.message : String(cause)}.`
  }
}

/** Signals every process of a group; one that is gone, or another user's, is left alone. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  // To the system, 0 is our own group and -1 is everybody.
  if (group <= 1) return
  try {
    process.kill(process.platform === 'win32' ? group : -group, signal)
  } catch {
    // Gone already.
  }
}

/** Whether nothing of a group lives any more; what is defunct does not. */
export async function isGroupGone(group: number): Promise<boolean> {
  if (!exists(process.platform === 'win32' ? group : -group)) return true
  if (process.platform !== 'linux') return false
  const facts = await Promise.all((await listedPids()).map(factsOf))
  return !facts.some((fact) => fact?.group === group && !fact.defunct)
}

/** Whether there is a process (or, where negative, a group) of this number. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
