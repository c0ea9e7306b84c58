import type { RunOutcome } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RunView } from '../domain/views.ts'

/** How the runs of one command are shown while they go on. */
export interface RunOutput {
  /** Called once, when the runs are there. */
  begun(views: readonly RunView[], verb: 'started' | 'resumed' | 'watched'): void
  /** Each record once, in order per run. A promise asks for patience: the reader of the output is slow. */
  records(run: string, records: readonly RunRecord[]): Promise<void> | undefined
  /** From where the newest views can be read at any time. */
  watch(read: () => readonly RunView[]): void
  /** One line for a person, beside the runs. */
  note(text: string): void
  /** Nothing is drawn over what `work` says and asks meanwhile. */
  aside<T>(work: () => Promise<T>): Promise<T>
  /** Called once for each run that was begun. */
  finished(view: RunView, outcome: Pick<RunOutcome, 'status' | 'reason'>): void
  close(): void
}

/** Said once where no real agent works. */
export function standInNote(views: readonly RunView[]): string | undefined {
  if (!views.some(({ standIn }) => standIn)) return undefined
  return 'Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set: the embedded stand-in plays Codegen, no real agent works.'
}
