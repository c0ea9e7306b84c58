import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { type Clock, sleep } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AgentProcess, endProcess, linesOf, startProcess } from './agent-process.ts'
import { plainText } from './last-output.ts'

/** Agents are large; on a busy machine their first start takes long. */
const LONGEST_ANSWER_MS = 30_000
const LONGEST_VERSION = 200

/** Where a program is, absolute: on the PATH of `env`, or where `name` says when that is a path. Undefined where there is none. */
export async function findProgram(name: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
  if (name.includes('/')) {
    const path = resolve(name)
    return (await isProgram(path)) ? path : undefined
  }
  if (name === '') return undefined
  // A folder that is not absolute would be another one in each worktree.
  for (const folder of (env['PATH'] ?? '').split(':').filter(isAbsolute)) {
    const path = join(folder, name)
    if (await isProgram(path)) return path
  }
  return undefined
}

async function isProgram(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined)
  if (!facts?.isFile()) return false
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/**
 * What a program says its version is: the first line that it prints. Throws BackendError: `refused` where it cannot be started or fails,
 * `timeout` where it says nothing.
 */
export async function programVersion(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  signal.throwIfAborted()
  const child = await startProcess({ command: path, args, cwd: tmpdir(), env, stdin: 'ignore', clock })
  const late = new AbortController()
  try {
    const tooLate = sleep(clock, LONGEST_ANSWER_MS, AbortSignal.any([late.signal, signal])).then(() => {
      const message = `'${[path, ...args].join(' ')}' said nothing for ${LONGEST_ANSWER_MS / 1_000} s.`
      throw new BackendError(message, { kind: 'timeout', retryable: true, certain: true })
    })
    return await Promise.race([versionOf(child, [path, ...args].join(' ')), tooLate])
  } finally {
    late.abort()
    await endProcess(child, { clock, signal: 'SIGTERM', signalMs: 1_000 })
  }
}

async function versionOf(child: AgentProcess, command: string): Promise<string> {
  let said = ''
  for await (const line of linesOf(child.stdout)) said ||= plainText(line).trim().slice(0, LONGEST_VERSION)
  const { code, signal } = await child.exited
  if (code === 0 && said !== '') return said
  const how = code === 0 ? 'printed nothing' : `ended with ${signal ?? `code ${code}`}`
  const tail = child.stderrTail().trim() || said
  const message = `'${command}' ${how}${tail === '' ? '.' : `: ${tail.slice(-500)}`} Try it by hand: it must work there first.`
  throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
