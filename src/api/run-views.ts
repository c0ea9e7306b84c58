import { NotFoundError } from '../domain/errors.ts'
import { type AttemptWork, uncarriedWork } from '../domain/local-work.ts'
import type { DataFolderReader, Orchestrator, RunOutcome } from '../domain/orchestration.ts'
import type { RunView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import { endedOutcome } from '../run-view.ts'

/** The views of all runs of a folder: an orchestrator knows only those that it carries. */
export interface RunViews {
  /** A run that the orchestrator carries; undefined for any other. */
  carried(run: string): RunView | undefined
  /** Any run; one that is not carried is read from the disk. Throws NotFoundError. */
  read(run: string): Promise<RunView>
  /** How things stand once nothing can progress by itself; at once for a run that has ended. Throws NotFoundError. */
  outcome(run: string, signal?: AbortSignal): Promise<RunOutcome>
  /** What its attempts did at local agents, in the order in which they began. Throws NotFoundError. */
  work(run: string): Promise<readonly AttemptWork[]>
}

/** What the outside is served from. */
export interface Served {
  readonly orchestrator: Orchestrator
  readonly views: RunViews
}

/** Joins what an orchestrator carries and what a reader finds. */
export function createRunViews(
  orchestrator: Pick<Orchestrator, 'view' | 'settled'>,
  reader: Pick<DataFolderReader, 'view' | 'workOf'>,
): RunViews {
  const carried = (run: string) => {
    try {
      return orchestrator.view(run)
    } catch (error) {
      if (error instanceof NotFoundError) return undefined
      throw error
    }
  }
  return {
    carried,
    read: async (run) => carried(run) ?? uncarried(await reader.view(run)),
    work: async (run) => {
      // Seen first: what had ended then cannot be at work in what is read after it.
      const view = carried(run)
      const attempts = await reader.workOf(run)
      return view === undefined || isFinalState(view.status) ? uncarriedWork(attempts) : attempts
    },
    outcome: async (run, signal) => {
      if (carried(run)) return orchestrator.settled(run, signal)
      const view = await reader.view(run)
      return isFinalState(view.status) ? outcomeOfEnded(view) : orchestrator.settled(run, signal)
    },
  }
}

/** Nothing goes on of what nobody carries. */
function uncarried(view: RunView): RunView {
  return isFinalState(view.status) ? view : { ...view, carried: false }
}

/** The outcome of a run that has ended. */
export function outcomeOfEnded({ run, status, tasks }: RunView): RunOutcome {
  return endedOutcome(run, status, () => tasks.filter(({ state }) => state === 'failed').map(({ task }) => task))
}
