import { createHash } from 'node:crypto'
import { UsageError } from '../domain/errors.ts'
import type { Orchestrator, StartKey } from '../domain/orchestration.ts'

const KEY = /^[!-~]{1,200}$/

/** A run that was asked for with a key; `replayed`: it had begun before. */
export interface KeyedRun {
  readonly run: string
  readonly replayed: boolean
}

/**
 * What makes a start safe to ask for again, or undefined where no key was given. `body` is what was asked for, parsed; the
 * order of its keys does not matter. Throws UsageError for a key that is none.
 */
export function startKeyOf(header: string | null, body: unknown): StartKey | undefined {
  if (header === null) return undefined
  if (!KEY.test(header)) throw new UsageError('An Idempotency-Key has 1 to 200 visible ASCII characters.')
  return { key: header, fingerprint: createHash('sha256').update(canonical(body)).digest('hex') }
}

/** Starts runs once a key. Of requests that come at the same moment all but one wait and are answered with its run. */
export function createKeyedStarts(orchestrator: Pick<Orchestrator, 'started'>) {
  const starting = new Map<string, Promise<unknown>>()
  return async (asked: StartKey, start: () => Promise<string>): Promise<KeyedRun> => {
    for (let other = starting.get(asked.key); other !== undefined; other = starting.get(asked.key)) {
      // Where it failed, this one tries.
      await other.catch(() => undefined)
    }
    const known = orchestrator.started(asked)
    if (known !== undefined) return { run: known, replayed: true }
    const work = start().finally(() => starting.delete(asked.key))
    starting.set(asked.key, work)
    return { run: await work, replayed: false }
  }
}

/** JSON with sorted keys. What comes here was parsed, so it is not too deep to walk. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`
}
