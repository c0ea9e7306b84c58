import type { PermissionSpec } from '../../domain/local-work.ts'
import { claudeReader } from './claude-lines.ts'
import type { CommandDialect, ShownImage, StartedWith, TurnStart } from './command-dialect.ts'

/**
 * What Claude Code may do without being allowed to: read, and with `acceptEdits` write, in its folder. Commands are allowed by name. What
 * is left over would be asked of somebody; where nobody is, it is denied.
 */
const ALLOWED = ['Bash']
/** Tools that leave the worktree, or the turn. */
const NOT_HERE = 'EnterWorktree,ExitWorktree,CronCreate,ScheduleWakeup'
/** What kinds of tool calls are, in its own names. */
const TOOLS_OF_KIND: Readonly<Record<string, readonly string[]>> = {
  fetch: ['WebFetch', 'WebSearch'],
  read: ['Read'],
  edit: ['Edit', 'Write', 'NotebookEdit'],
}

/** Claude Code, `claude -p`: a turn is a process, and what is written to its stdin meanwhile joins the turn. */
export function claudeDialect(extraArgs: readonly string[]): CommandDialect {
  return {
    resumes: true,
    usage: true,
    images: 'data',
    // Its tools have sessions of their own, and survive everything but this.
    stopSignal: 'SIGINT',
    exitCodes: [0],
    saysEnd: true,
    steer: (text) => userMessage(text),
    start: (turn) => startOf(turn, extraArgs),
    reader: claudeReader,
    sessionTrouble(stderr) {
      if (/Session ID \S+ is already in use/.test(stderr)) return 'taken'
      return /No conversation found with session ID/.test(stderr) ? 'unknown' : undefined
    },
  }
}

function startOf(
  { prompt, session, uuid, model, permissions, images }: TurnStart,
  extraArgs: readonly string[],
): StartedWith {
  const args = [
    ...['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'],
    ...(session === undefined ? ['--session-id', uuid] : ['--resume', session]),
    ...['--permission-mode', 'acceptEdits', '--allowedTools', allowedBy(permissions), '--disallowedTools', NOT_HERE],
    ...(model === undefined ? [] : ['--model', model]),
    ...extraArgs,
  ]
  return { args, stdin: userMessage(prompt, images), keepsStdin: true, session: session ?? uuid }
}

function allowedBy(permissions: PermissionSpec): string {
  const further = permissions.allow.flatMap((kind) => TOOLS_OF_KIND[kind] ?? [])
  return [...new Set([...ALLOWED, ...further])].join(',')
}

/** One that begins with a slash would be a command to the program, or an unknown one, and never reach the model. */
function userMessage(words: string, images: readonly ShownImage[] = []): string {
  const text = words.startsWith('/') ? `\n${words}` : words
  const shown = images.map(({ type, base64 }) => ({
    type: 'image',
    source: { type: 'base64', media_type: type, data: base64 },
  }))
  const content = [...shown, { type: 'text', text }]
  return `${JSON.stringify({ type: 'user', message: { role: 'user', content } })}\n`
}
