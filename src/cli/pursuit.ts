import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunView } from '../domain/views.ts'
import type { Question } from './ask-person.ts'
import type { RunOutput } from './run-output.ts'
import type { RunProgress } from './run-progress.ts'
import type { StopRequest } from './stop-request.ts'

/** Whoever can begin runs: the orchestrator of this process, or the client of the holder. */
export type RunStarter = Pick<Orchestrator, 'start' | 'resume'>

/** Runs that a command wants to see through, whoever carries them. */
export interface Pursuit {
  readonly dataDir: string
  readonly verb: 'started' | 'resumed'
  /** Begins the runs; resumes them where they were begun before. */
  readonly begin: (target: RunStarter) => Promise<readonly string[]>
  /** Says from where the newest views can be read at any time. */
  readonly watch: (read: () => readonly RunView[]) => void
  readonly progress: RunProgress
  readonly output: RunOutput
  readonly stop: StopRequest
  /** Asks the person at the terminal; absent where nobody can answer. */
  readonly question?: Question
}
