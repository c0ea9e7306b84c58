import { SUPERVISOR } from '../domain/ids.ts'
import type { RunRecord } from '../domain/record.ts'
import { isFinalState } from '../machines/public-state.ts'
import { isPlainObject } from '../workflow/json-value.ts'

/** Where the reason was not recorded, because the wait was shorter than two seconds. */
const BRIEF = 'brief'

interface Waiting {
  readonly since: number
  limit: string
}

/**
 * Tells from records how long attempts waited for a slot, and for which limit last. Holds one small entry a waiting task. Waits
 * that began before this process did are not known.
 */
export class SlotWaits {
  readonly #runs = new Map<string, Map<string, Waiting>>()
  readonly #onGranted: (limit: string, ms: number) => void

  constructor(onGranted: (limit: string, ms: number) => void) {
    this.#onGranted = onGranted
  }

  /** How many wait. */
  get size(): number {
    let size = 0
    for (const tasks of this.#runs.values()) size += tasks.size
    return size
  }

  see(record: RunRecord): void {
    if (record.type === 'progress') this.#progress(record)
    else if (record.type === 'transition') this.#transition(record)
  }

  #progress({ run, actor, data }: RunRecord): void {
    const waiting = this.#runs.get(run)?.get(actor.id)
    const reason = data?.['waitingFor']
    if (waiting === undefined || !isPlainObject(reason)) return
    const { kind, name } = reason
    // Caps are named after runs: only the buckets of backends are few.
    if (typeof kind === 'string') waiting.limit = kind === 'rate' && typeof name === 'string' ? name : kind
  }

  #transition({ run, actor, from, to = '', at }: RunRecord): void {
    if (actor.id === SUPERVISOR) {
      if (isFinalState(to)) this.#runs.delete(run)
      return
    }
    const tasks = this.#runs.get(run)
    // What people say to it meanwhile does not begin its wait anew.
    if (to === 'pending' && from === 'pending') return
    if (to === 'pending') {
      const waiting = { since: Date.parse(at), limit: BRIEF }
      if (tasks) tasks.set(actor.id, waiting)
      else this.#runs.set(run, new Map([[actor.id, waiting]]))
      return
    }
    const waiting = tasks?.get(actor.id)
    if (tasks === undefined || waiting === undefined) return
    tasks.delete(actor.id)
    if (tasks.size === 0) this.#runs.delete(run)
    if (to === 'creating') this.#onGranted(waiting.limit, Date.parse(at) - waiting.since)
  }
}
