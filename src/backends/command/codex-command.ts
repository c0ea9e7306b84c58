import { join } from 'node:path'
import { BackendError } from '../../domain/errors.ts'
import { oneLine } from './bounds.ts'
import { codexFailure } from './codex-failure.ts'
import { codexReader } from './codex-lines.ts'
import type { CommandDialect, ShownImage, StartedWith, TurnStart } from './command-dialect.ts'

/**
 * Codex, `codex exec --json`: a turn is a process, its prompt comes on stdin, which an argument's bound does not hold for and which can
 * wait until its process is noted.
 */
export function codexDialect(extraArgs: readonly string[]): CommandDialect {
  return {
    // Seen with 0.169 by its system calls: settings from the nearest `.git` down. AGENTS.md and all else it reads once it has its prompt.
    readsFirst: ['config.toml', 'agents', 'rules', 'hooks.json'].map((name) => `.codex/${name}`),
    ownSettings: (env) => env['CODEX_HOME'] ?? join(env['HOME'] ?? '/', '.codex'),
    resumes: true,
    usage: true,
    images: 'files',
    stopSignal: 'SIGTERM',
    exitCodes: [0],
    saysEnd: true,
    start: (turn) => startOf(turn, extraArgs),
    reader: codexReader,
    explain(stderr, now) {
      const said = [...stderr.matchAll(/^Error: (.+)$/gm)].at(-1)?.[1]
      return said === undefined ? undefined : codexFailure(said, now)
    },
    // A change outside of its sandbox is no item of its turn.
    refusals: (stderr) => [...stderr.matchAll(/\berror=(patch rejected: .+)$/gm)].map(([, what = '']) => oneLine(what)),
    sessionTrouble: (stderr) => (/no rollout found for thread id/i.test(stderr) ? 'unknown' : undefined),
  }
}

/**
 * Its sandbox lets it write in its folder alone, not in the repository's own git folder: its commits would fail, and troupe makes them.
 * `resume` takes no sandbox of its own, which is why it stands last.
 */
function startOf(
  { prompt, session, model, permissions, images }: TurnStart,
  extraArgs: readonly string[],
): StartedWith {
  const network = permissions.allow.includes('fetch') ? ['-c', 'sandbox_workspace_write.network_access=true'] : []
  const args = [
    ...['exec', '--json', '--color', 'never', '--skip-git-repo-check'],
    ...['-c', 'approval_policy="never"', '-c', 'sandbox_mode="workspace-write"', ...network],
    ...(model === undefined ? [] : ['--model', model]),
    ...images.map(imageArgument),
    ...extraArgs,
    ...(session === undefined ? [] : ['resume', session]),
    '-',
  ]
  return { args, stdin: prompt, keepsStdin: false }
}

/** It takes a comma for the end of a name, and leaves out what it does not find without a word. */
function imageArgument({ path }: ShownImage): string {
  if (!path.includes(',')) return `--image=${path}`
  const message = `Codex cannot be shown an image below a folder with a comma in its name: ${path}. Choose another data folder (--data-dir).`
  throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
