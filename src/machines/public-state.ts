import type { StateValue } from 'xstate'

/** States that only group others, or are what a compound does by default: people do not see them. */
const HIDDEN = new Set(['live', 'calling', 'watching', 'waiting', 'reading'])

/** The public name of a state: `running`, or with a sub-state `running.needsInput`. */
export function publicState(value: StateValue): string {
  if (typeof value === 'string') return HIDDEN.has(value) ? '' : value
  let name = ''
  for (const key of Object.keys(value)) {
    const inner = value[key]
    const rest = inner === undefined ? '' : publicState(inner)
    const own = HIDDEN.has(key) ? '' : key
    name = own && rest ? `${own}.${rest}` : own || rest
  }
  return name
}

/** The first word of a public state. */
export function mainState(state: string): string {
  const dot = state.indexOf('.')
  return dot < 0 ? state : state.slice(0, dot)
}

const FINAL = new Set(['completed', 'failed', 'cancelled', 'skipped'])

/** Whether an actor in this public state has ended. */
export function isFinalState(state: string): boolean {
  return FINAL.has(state)
}
