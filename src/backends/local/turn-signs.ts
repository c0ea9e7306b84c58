import type { AgentRunState } from '../../domain/backend.ts'
import type { Clock, TimerHandle } from '../../domain/clock.ts'
import { glanceAt } from './attempt-log.ts'
import type { Observation } from './conversation.ts'

/** What an agent does is told at most this often. */
const TELL_EVERY_MS = 2_000

/** What is seen of the turn under way: what its agent does, asks, waits for. Tells whoever listens, but not of each sign. */
export class TurnSigns {
  readonly #clock: Clock
  readonly #onChange: () => void
  #asks: { readonly id: string; readonly what: string } | undefined
  #glance: string | undefined
  #limitedUntil: number | undefined
  #tell: TimerHandle | undefined

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** What a person is to answer. */
  get asks(): { readonly id: string; readonly what: string } | undefined {
    return this.#asks
  }

  /** How a turn that has not ended stands. */
  standing(isRunning: boolean): Pick<AgentRunState, 'status' | 'rawStatus' | 'summary' | 'progress'> {
    if (this.#asks !== undefined) {
      const summary = `may it do this? ${this.#asks.what} (answer yes or no)`
      return { status: 'paused', rawStatus: 'asks for permission', summary }
    }
    if (this.#limitedUntil !== undefined) {
      const until = new Date(this.#limitedUntil).toISOString()
      return { status: 'active', rawStatus: 'rate limited', progress: `waits for its provider until ${until}` }
    }
    const progress = this.#glance === undefined ? {} : { progress: this.#glance }
    return { status: 'active', rawStatus: isRunning ? 'working' : 'interrupted', ...progress }
  }

  saw(seen: Observation): void {
    this.#glance = glanceAt(seen)
    if (seen.kind === 'asks') {
      this.#asks = seen.request ?? undefined
      this.changed()
      return
    }
    this.#tell ??= this.#clock.setTimeout(() => this.changed(), TELL_EVERY_MS)
  }

  answered(): void {
    this.#asks = undefined
  }

  /** Its provider lets it wait; undefined: no longer. */
  limited(until: number | undefined): void {
    this.#limitedUntil = until
  }

  /** The turn is over. */
  clear(): void {
    this.#asks = undefined
    this.#limitedUntil = undefined
    this.#glance = undefined
  }

  /** Tells at once. */
  changed(): void {
    this.hush()
    this.#onChange()
  }

  /** Tells of nothing that was seen before. */
  hush(): void {
    if (this.#tell !== undefined) this.#clock.clearTimeout(this.#tell)
    this.#tell = undefined
  }
}
