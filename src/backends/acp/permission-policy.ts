import type { PermissionSpec } from '../../domain/local-work.ts'
import { hasTooManyPaths, type ToolCall } from './tool-calls.ts'

/** What becomes of a request for permission. */
export type Verdict = 'allow' | 'reject' | 'ask'

/** One way to answer a request, as the agent offers it. */
export interface PermissionOption {
  readonly id: string
  readonly kind: string
}

/** What a request is judged by, beside what it says. */
export interface Circumstances {
  readonly permissions: PermissionSpec
  readonly isInside: (path: string) => boolean
  /** Its commands run in a sandbox of its own without asking. */
  readonly sandboxed?: boolean
}

const HARMLESS = new Set(['read', 'search', 'think'])
const CHANGING = new Set(['edit', 'delete', 'move'])

/**
 * Whether an agent may do what it asks for: reading and thinking, changes of which every path lies inside its worktree, and commands that
 * run there. Its own words for what it does are believed as to the kind, never as to a path; `isInside` tells where that leads.
 */
export function judge(call: ToolCall, { permissions, isInside, sandboxed = false }: Circumstances): Verdict {
  const rest = permissions.rest === 'ask' ? 'ask' : 'reject'
  if (permissions.allow.includes(call.kind) || HARMLESS.has(call.kind)) return 'allow'
  if (CHANGING.has(call.kind)) {
    const isKnown = call.paths.length > 0 && !hasTooManyPaths(call)
    return isKnown && call.paths.every(isInside) ? 'allow' : rest
  }
  // What runs in a sandbox asks only to leave it.
  if (call.kind === 'execute' && sandboxed) return rest
  if (call.kind === 'execute') return call.cwd === undefined || isInside(call.cwd) ? 'allow' : rest
  return rest
}

/** The option that says yes or no, for this once where there is one; undefined where none does. Ids differ from agent to agent. */
export function chooseOption(options: readonly PermissionOption[], choice: 'allow' | 'reject'): string | undefined {
  const once = options.find(({ kind }) => kind === `${choice}_once`)
  return (once ?? options.find(({ kind }) => kind === `${choice}_always`))?.id
}

/** What an agent asks for, as one line for people: kind, title, paths. */
export function describeCall({ kind, title, paths, cwd }: ToolCall): string {
  const where = paths.length > 0 ? paths : cwd === undefined ? [] : [cwd]
  const named = where.filter((path) => !title.includes(path))
  const shown = named.slice(0, 5).join(', ')
  const more = named.length > 5 ? ` and ${named.length - 5} more` : ''
  const line = `${kind}: ${title || 'untitled'}${shown === '' ? '' : ` (${shown}${more})`}`
  return line.replace(/[\p{C}\s]+/gu, ' ').slice(0, 600)
}
