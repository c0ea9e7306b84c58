import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogEntry } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import type { Observation } from './conversation.ts'

const FILE = 'log.ndjson'
/** What an attempt's log may take on disk, characters; what comes after is only in memory. */
const MOST = 8 * 1024 * 1024
/** The newest entries that are kept in memory. */
const KEPT = 500
/** Of one entry. */
const MOST_TEXT = 4_000
/** Chunks of a message are one entry up to this length. */
const GATHERED = 2_000

const TYPES = {
  text: 'ASSISTANT_MESSAGE',
  thought: 'THOUGHT',
  note: 'NOTE',
  tool: 'TOOL',
  denied: 'DENIED',
  asks: 'PERMISSION',
  limit: 'LIMIT',
} as const

/** What an attempt's agent was seen doing, for people: best effort, in memory and in a file that is not synced. */
export class AttemptLog {
  readonly #clock: Clock
  readonly #path: string
  #entries: LogEntry[] = []
  #size = 0
  #gathered: { readonly kind: 'text' | 'thought'; text: string } | undefined
  #waiting = ''
  #writing: Promise<void> | undefined

  constructor(folder: string, clock: Clock) {
    this.#path = join(folder, FILE)
    this.#clock = clock
  }

  add(seen: Observation): void {
    if (seen.kind === 'text' || seen.kind === 'thought') {
      if (this.#gathered !== undefined && this.#gathered.kind !== seen.kind) this.flush()
      this.#gathered ??= { kind: seen.kind, text: '' }
      this.#gathered.text += seen.text
      if (this.#gathered.text.length >= GATHERED) this.flush()
      return
    }
    this.flush()
    this.#put(entryOf(seen, this.#clock.now()))
  }

  /** Something that troupe itself did or sent. */
  say(type: string, text: string): void {
    this.flush()
    this.#put({ at: this.#clock.now(), type, text: text.slice(0, MOST_TEXT) })
  }

  /** Makes an entry of what was gathered of a message. */
  flush(): void {
    const gathered = this.#gathered
    this.#gathered = undefined
    if (gathered === undefined || gathered.text.trim() === '') return
    this.#put({ at: this.#clock.now(), type: TYPES[gathered.kind], text: gathered.text.slice(0, MOST_TEXT) })
  }

  /** The newest `limit` entries, oldest first. */
  newest(limit: number): readonly LogEntry[] {
    this.flush()
    return limit > 0 ? this.#entries.slice(-limit) : []
  }

  /** Resolves when what was added lies in the file, or cannot. */
  async written(): Promise<void> {
    this.flush()
    await this.#writing
  }

  #put(entry: LogEntry): void {
    this.#entries.push(entry)
    if (this.#entries.length > 2 * KEPT) this.#entries = this.#entries.slice(-KEPT)
    const line = `${JSON.stringify(entry)}\n`
    this.#size += line.length
    if (this.#size > MOST) return
    this.#waiting += line
    this.#writing ??= this.#clock.operation(this.#write())
  }

  async #write(): Promise<void> {
    while (this.#waiting !== '') {
      const lines = this.#waiting
      this.#waiting = ''
      // A log that cannot be written is no reason to stop an agent.
      await appendFile(this.#path, lines, { mode: 0o600 }).catch(() => {})
    }
    this.#writing = undefined
  }
}

/** The newest entries of an attempt that no conversation is held with. */
export async function readAttemptLog(folder: string, limit: number): Promise<readonly LogEntry[]> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line !== '')
  return (limit > 0 ? lines.slice(-limit) : []).flatMap((line) => {
    try {
      return [JSON.parse(line) as LogEntry]
    } catch {
      return []
    }
  })
}

function entryOf(seen: Observation, at: number): LogEntry {
  const base = { at, type: TYPES[seen.kind] }
  switch (seen.kind) {
    case 'text':
    case 'thought':
    case 'note':
      return { ...base, text: seen.text.slice(0, MOST_TEXT) }
    case 'tool':
      return { ...base, tool: seen.title.slice(0, MOST_TEXT), text: seen.status }
    case 'denied':
      return { ...base, text: seen.what.slice(0, MOST_TEXT) }
    case 'asks':
      return { ...base, text: seen.request?.what.slice(0, MOST_TEXT) ?? 'no longer asked' }
    case 'limit':
      return { ...base, text: seen.message.slice(0, MOST_TEXT) }
  }
}

/** What was seen as one short line, for progress. */
export function glanceAt(seen: Observation): string {
  switch (seen.kind) {
    case 'text':
      return 'writes'
    case 'thought':
      return 'thinks'
    case 'tool':
      return oneLine(`${seen.status === 'started' ? 'runs' : seen.status}: ${seen.title}`)
    case 'denied':
      return oneLine(`refused: ${seen.what}`)
    case 'asks':
      return seen.request === null ? 'goes on' : oneLine(`asks: ${seen.request.what}`)
    case 'limit':
      return oneLine(seen.message)
    case 'note':
      return oneLine(seen.text)
  }
}

function oneLine(text: string): string {
  return text
    .slice(0, 400)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, 100)
}
