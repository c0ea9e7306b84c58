import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { CheckResult, CommandLine } from '../../domain/local-work.ts'
import { type AgentProcess, endProcess, startProcess } from './agent-process.ts'
import { LastOutput } from './last-output.ts'

/** How much of a command's output is kept. */
const OUTPUT_BYTES = 16 * 1024
/** How long a command that took too long has to clean up. */
const SIGNAL_MS = 2_000

/** How commands are run. */
export interface CommandOptions {
  readonly clock: Clock
  readonly cwd: string
  /** All of their environment, by whose marks a sweep finds what they leave behind in other groups. */
  readonly env: Readonly<Record<string, string>>
  /** How long each may take. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Runs commands one after the other until one fails, without a shell; nothing of a command's process group is left when the next one
 * starts. `trouble` goes on after the command's name: "took longer than 60 s and was stopped". Rejects with the signal's reason when it is
 * aborted, and with a BackendError where this machine has no room for a process.
 */
export async function runCommands(commands: readonly CommandLine[], options: CommandOptions): Promise<CheckResult> {
  const began = options.clock.now()
  let result: Omit<CheckResult, 'ms'> = { passed: true, command: ['true'], exitCode: 0, output: '' }
  for (const command of commands) {
    options.signal.throwIfAborted()
    result = await runCommand(command, options)
    if (!result.passed) break
  }
  return { ...result, ms: options.clock.now() - began }
}

async function runCommand(line: CommandLine, options: CommandOptions): Promise<Omit<CheckResult, 'ms'>> {
  const { clock, cwd, env, timeoutMs, signal } = options
  const [command, ...args] = line
  const output = new LastOutput(OUTPUT_BYTES)
  const failed = (trouble: string) =>
    ({ passed: false, command: line, exitCode: null, trouble, output: output.text() }) as const
  let child: AgentProcess
  try {
    const onOutput = (chunk: Buffer) => output.add(chunk)
    child = await startProcess({ command, args, cwd, env, stdin: 'ignore', clock, onOutput })
  } catch (error) {
    if (!(error instanceof BackendError) || error.retryable) throw error
    return failed(error.message.replace(`'${command}' `, ''))
  }
  child.stdout.destroy()
  const end = await endOf(child, options)
  await endProcess(child, { clock, signal: 'SIGTERM', signalMs: SIGNAL_MS })
  if (end === 'aborted') throw signal.reason
  if (end === 'late') return failed(`took longer than ${timeoutMs / 1_000} s and was stopped`)
  const { code, signal: killedBy } = await child.exited
  if (code === null) return failed(`was ended by ${killedBy}`)
  return { passed: code === 0, command: line, exitCode: code, output: output.text() }
}

function endOf(child: AgentProcess, options: CommandOptions): Promise<'exited' | 'late' | 'aborted'> {
  const { clock, timeoutMs, signal } = options
  return new Promise((resolve) => {
    const end = (how: 'exited' | 'late' | 'aborted') => {
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(how)
    }
    const onAbort = () => end('aborted')
    const timer = clock.setTimeout(() => end('late'), timeoutMs)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    void child.exited.then(() => end('exited'))
  })
}
