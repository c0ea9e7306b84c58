import type { Orchestrator } from '../../src/domain/orchestration.ts'
import type { TaskView } from '../../src/domain/views.ts'
import { isFinalState, mainState } from '../../src/machines/public-state.ts'
import type { RunPast } from './history.ts'

/** How long after the time that was said somebody may still wait. */
const LATE_MS = 30_000
/** How long a task may be pending without saying for what. */
const SILENT_MS = 60_000
const HOLDING = new Set(['creating', 'running', 'reporting', 'cancelling', 'escalated'])

/** A task that waits for what will not come. */
export interface Stuck {
  readonly task: string
  readonly why: string
}

/** A task that waits for something that will not come, or that nobody holds; why. */
export function findStuck(
  orchestrator: Orchestrator,
  past: RunPast,
  now: number,
  runs: readonly RunPast[],
): Stuck | undefined {
  if (past.status !== 'running') return undefined
  for (const task of orchestrator.view(past.run).tasks) {
    const why = task.state === 'pending' ? whyStuck(task, now, runs) : undefined
    if (why !== undefined) return { task: task.task, why }
  }
  return undefined
}

function whyStuck({ since, waitingFor }: TaskView, now: number, runs: readonly RunPast[]): string | undefined {
  const waitsFor = now - Date.parse(since ?? '')
  if (waitingFor === undefined) {
    return waitsFor > SILENT_MS ? `is pending for ${waitsFor} ms and does not say why` : undefined
  }
  const { kind, name, until } = waitingFor
  if (until !== undefined && until + LATE_MS < now)
    return `waits for ${kind} ${name} until a time that was ${now - until} ms ago`
  const isHeld = runs.some(({ actors, ended, givenUp }) => {
    if (givenUp.size > 0) return true
    return !ended && [...actors.values()].some(({ state }) => !isFinalState(state) && HOLDING.has(mainState(state)))
  })
  if ((kind === 'concurrency' || kind === 'resource') && !isHeld && waitsFor > SILENT_MS)
    return `waits for ${name}, which nobody holds`
  return undefined
}
