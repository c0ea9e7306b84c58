import type { Orchestrator, RunOutcome } from '../../src/domain/orchestration.ts'
import type { RunPast } from './history.ts'

/** Whoever waits for runs to settle, in each process anew. */
export class SettledRuns {
  readonly #waiting = new Map<string, Orchestrator>()
  readonly #onSettled: (orchestrator: Orchestrator, past: RunPast, outcome: RunOutcome) => void

  constructor(onSettled: (orchestrator: Orchestrator, past: RunPast, outcome: RunOutcome) => void) {
    this.#onSettled = onSettled
  }

  /** Waits for the run, unless it is waited for already; who was told waits again at the next look. */
  wait(orchestrator: Orchestrator, past: RunPast): void {
    if (this.#waiting.get(past.run) === orchestrator) return
    this.#waiting.set(past.run, orchestrator)
    const again = () => {
      if (this.#waiting.get(past.run) === orchestrator) this.#waiting.delete(past.run)
    }
    orchestrator
      .settled(past.run)
      .then((outcome) => this.#onSettled(orchestrator, past, outcome))
      // It may not be carried yet.
      .then(again, again)
  }
}
