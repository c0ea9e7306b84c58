import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the scripted agent keeps of a session. */
export interface Session {
  readonly id: string
  readonly turns: string[]
  readonly steers: string[]
  mode: string
  model: string
}

/** The sessions of the scripted agent, in a folder where it has one. */
export class AgentMemory {
  readonly #folder: string | undefined
  readonly #sessions = new Map<string, Session>()
  #made = 0

  constructor(folder: string | undefined) {
    this.#folder = folder
    if (folder !== undefined) mkdirSync(folder, { recursive: true })
  }

  make(mode: string, model: string): Session {
    this.#made++
    const session: Session = { id: `session-${process.pid}-${this.#made}`, turns: [], steers: [], mode, model }
    this.keep(session)
    return session
  }

  keep(session: Session): void {
    this.#sessions.set(session.id, session)
    if (this.#folder !== undefined) writeFileSync(join(this.#folder, session.id), JSON.stringify(session))
  }

  get(id: string): Session | undefined {
    const known = this.#sessions.get(id)
    if (known !== undefined || this.#folder === undefined) return known
    try {
      const session = JSON.parse(readFileSync(join(this.#folder, id), 'utf8')) as Session
      this.#sessions.set(id, session)
      return session
    } catch {
      return undefined
    }
  }
}
