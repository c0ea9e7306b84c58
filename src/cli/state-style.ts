import { mainState } from '../machines/public-state.ts'
import type { Style } from './colours.ts'

const LOOKS: Readonly<Record<string, readonly [glyph: string, style: Style]>> = {
  waiting: ['·', 'dim'],
  pending: ['○', 'dim'],
  creating: ['◌', 'cyan'],
  running: ['●', 'cyan'],
  reporting: ['◉', 'cyan'],
  recovering: ['↻', 'yellow'],
  retrying: ['↻', 'yellow'],
  escalated: ['!', 'yellow'],
  paused: ['‖', 'yellow'],
  cancelling: ['◍', 'yellow'],
  finishing: ['◉', 'cyan'],
  starting: ['◌', 'cyan'],
  completed: ['✔', 'green'],
  failed: ['✖', 'red'],
  cancelled: ['⊘', 'dim'],
  skipped: ['↷', 'dim'],
}

/** The mark of a public state in lists. */
export function glyphOf(state: string): string {
  return LOOKS[mainState(state)]?.[0] ?? '?'
}

/** How a public state is set off. */
export function styleOf(state: string): Style {
  return LOOKS[mainState(state)]?.[1] ?? 'plain'
}
