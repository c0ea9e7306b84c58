import { BackendError } from '../../domain/errors.ts'
import { endProcess, linesOf, startProcess } from '../local/agent-process.ts'
import type { ConversationOptions } from '../local/conversation.ts'
import { findProgram } from '../local/find-program.ts'
import type { AcpProfile } from './acp-profile.ts'
import type { AgentWire } from './message-stream.ts'

/** Starts an agent's process in its worktree. Throws BackendError. */
export async function startAgentProcess(
  profile: AcpProfile,
  { clock, cwd, env }: ConversationOptions,
): Promise<AgentWire> {
  const command = await installed(profile, env)
  const process = await startProcess({ command, args: profile.args, cwd, env, stdin: 'pipe', clock })
  let ending: Promise<void> | undefined
  return {
    pid: process.pid,
    startedAt: process.startedAt,
    lines: linesOf(process.stdout),
    write: (line) =>
      new Promise((resolve, reject) => {
        if (process.stdin === null) return reject(new Error('it has no standard input'))
        process.stdin.write(line, (error) => (error ? reject(error) : resolve()))
      }),
    trouble: () => process.stderrTail(),
    exited: process.exited,
    end: () => {
      ending ??= endProcess(process, { clock, signal: profile.stopSignal })
      return ending
    },
  }
}

/** Where its program is. Throws BackendError `refused`, which says how to install it. */
export async function installed(
  { id, program, install }: AcpProfile,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const path = await findProgram(program, env)
  if (path !== undefined) return path
  const message = `${id} needs the program '${program}', which is not on PATH. ${install}`
  throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
