import { listOf, recordOf, textOf } from './json-parts.ts'

/** A tool call as far as its agent has told it. */
export interface ToolCall {
  readonly id: string
  readonly title: string
  /** `read`, `edit`, `delete`, `move`, `search`, `execute`, `think`, `fetch`, `switch_mode`, `other`, or a word of its own. */
  readonly kind: string
  /** Its own word; undefined where it said none. */
  readonly status: string | undefined
  /** Every path that it names, as it came. */
  readonly paths: readonly string[]
  /** The folder a command is to run in, where it says so. */
  readonly cwd: string | undefined
}

/** The newest calls that are kept, so that later words about one can be put together with the first. */
const MOST_KEPT = 500
const MOST_TITLE = 300
const MOST_PATHS = 200
const MOST_DEPTH = 4
const FOLDER_KEYS = new Set(['cwd', 'workdir', 'workingdirectory', 'workingdir'])
const PATH_KEY = /(?:path|paths|file|files|filename|filenames|uri|dir|dirs|directory|directories|root|roots)$/
const OTHER_PATH_KEYS = new Set(['source', 'destination', 'target', 'changes'])

/** The tool calls of a session: an agent tells each of them in parts. */
export class ToolCalls {
  readonly #calls = new Map<string, ToolCall>()

  /** What is known of a call with what is said now; `isNew` where it was not known. */
  note(said: unknown): { readonly call: ToolCall; readonly before: ToolCall | undefined } {
    const parts = recordOf(said)
    const id = textOf(parts['toolCallId']) ?? ''
    const before = this.#calls.get(id)
    const input = pathsIn(parts['rawInput'])
    const paths = [...(before?.paths ?? []), ...locationsOf(parts), ...input.paths]
    const call: ToolCall = {
      id,
      title: textOf(parts['title'])?.slice(0, MOST_TITLE) ?? before?.title ?? '',
      kind: textOf(parts['kind'])?.slice(0, 40) ?? before?.kind ?? 'other',
      status: textOf(parts['status']) ?? before?.status,
      paths: [...new Set(paths)].slice(0, MOST_PATHS + 1),
      cwd: input.cwd ?? before?.cwd,
    }
    this.#calls.delete(id)
    this.#calls.set(id, call)
    const oldest = this.#calls.keys().next()
    if (this.#calls.size > MOST_KEPT && !oldest.done) this.#calls.delete(oldest.value)
    return { call, before }
  }
}

/** More paths than are looked at: what it does cannot be judged by them. */
export function hasTooManyPaths({ paths }: ToolCall): boolean {
  return paths.length > MOST_PATHS
}

function locationsOf(parts: Readonly<Record<string, unknown>>): readonly string[] {
  const places = [...listOf(parts['locations']), ...listOf(parts['content'])]
  return places.flatMap((place) => textOf(recordOf(place)['path']) ?? []).slice(0, MOST_PATHS + 1)
}

/** Paths in a tool's own input, whose shape is the agent's: by the names of its parts. Rather one too many than one too few. */
function pathsIn(input: unknown): { readonly paths: readonly string[]; readonly cwd: string | undefined } {
  const paths: string[] = []
  let cwd: string | undefined
  const look = (value: unknown, depth: number): void => {
    if (depth > MOST_DEPTH || paths.length > MOST_PATHS) return
    for (const item of listOf(value)) look(item, depth + 1)
    for (const [name, part] of Object.entries(recordOf(value))) {
      const key = name.toLowerCase().replace(/[_-]/g, '')
      if (FOLDER_KEYS.has(key)) cwd = textOf(part) ?? cwd
      else if (PATH_KEY.test(key) || OTHER_PATH_KEYS.has(key)) paths.push(...namedPaths(part))
      look(part, depth + 1)
    }
  }
  look(input, 0)
  return { paths, cwd }
}

/** A path, several of them, or an object whose names are paths (Codex tells the files that it changes so). */
function namedPaths(part: unknown): readonly string[] {
  const names = Object.keys(recordOf(part)).filter((name) => name.includes('/') || name.includes('.'))
  return [part, ...listOf(part), ...names].flatMap((value) => textOf(value) ?? [])
}
