import { isAbsolute, join } from 'node:path'
import type { JsonObject } from '../../../src/domain/json.ts'
import type { Conversation } from './conversation.ts'
import type { ToolStep } from './script.ts'

/** A tool call as an agent is asked for it. */
export interface ToolCall {
  readonly name: string
  /** A text is the input of a free-form tool. */
  readonly input: JsonObject | string
}

/** A call that was made for a step, and what came of it. */
export interface MadeCall {
  readonly name: string
  readonly result: string
  readonly failed: boolean
}

/** The next call that a step needs after those that were made for it; undefined: it is done. */
export function nextCall(step: ToolStep, made: readonly MadeCall[], asked: Conversation): ToolCall | undefined {
  if ('tool' in step) return made.length === 0 ? step.tool : undefined
  return asked.agent === 'claude' ? nextOfClaude(step, made, asked.cwd) : nextOfCodex(step, made, asked.tools)
}

type OwnStep = Exclude<ToolStep, { tool: unknown }>

function nextOfClaude(step: OwnStep, made: readonly MadeCall[], cwd = ''): ToolCall | undefined {
  const last = made.at(-1)
  const place = (path: string) => (isAbsolute(path) ? path : join(cwd, path))
  if ('run' in step) return last ? undefined : { name: 'Bash', input: { command: step.run, description: 'Run it' } }
  if ('read' in step) return last ? undefined : { name: 'Read', input: { file_path: place(step.read) } }
  const read = (path: string): ToolCall => ({ name: 'Read', input: { file_path: place(path) } })
  if ('edit' in step) {
    const { path, old, new: text } = step.edit
    if (!last) return read(path)
    const input = { file_path: place(path), old_string: old, new_string: text }
    return last.name === 'Read' ? { name: 'Edit', input } : undefined
  }
  const { path, content } = step.write
  // A file that is there already must be read before it is written; made counts the rounds, so that it ends.
  const unread = last?.name === 'Write' && last.failed && /been read|read it/i.test(last.result) && made.length === 1
  if (unread) return read(path)
  return !last || last.name === 'Read' ? { name: 'Write', input: { file_path: place(path), content } } : undefined
}

function nextOfCodex(step: OwnStep, made: readonly MadeCall[], tools: ReadonlySet<string>): ToolCall | undefined {
  const last = made.at(-1)
  if (last) {
    const session = /Process running with session ID (\d+)/.exec(last.result)?.[1]
    if (session === undefined) return undefined
    return { name: 'write_stdin', input: { session_id: Number(session), chars: '', yield_time_ms: 30_000 } }
  }
  if ('run' in step) return shell(step.run, tools)
  if ('read' in step) return shell(`cat -- ${quoted(step.read)}`, tools)
  const added = (text: string, sign: string) =>
    text
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => `${sign}${line}`)
  const lines =
    'write' in step
      ? [`*** Add File: ${step.write.path}`, ...added(step.write.content, '+')]
      : [`*** Update File: ${step.edit.path}`, '@@', ...added(step.edit.old, '-'), ...added(step.edit.new, '+')]
  return { name: 'apply_patch', input: ['*** Begin Patch', ...lines, '*** End Patch', ''].join('\n') }
}

function shell(command: string, tools: ReadonlySet<string>): ToolCall {
  if (tools.has('exec_command')) return { name: 'exec_command', input: { cmd: command, yield_time_ms: 30_000 } }
  if (tools.has('shell_command')) return { name: 'shell_command', input: { command } }
  return { name: 'shell', input: { command: ['bash', '-lc', command] } }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
