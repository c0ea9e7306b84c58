import type { RunIndex } from './host/run-index.ts'
import type { RunKeeper } from './run-keeper.ts'
import { rowOf, type StoredRun } from './stored-run.ts'

/**
 * Makes a run that has ended ready to go on with a task. Whoever resumes all that is unfinished goes by the list: it knows before the
 * record does, and where the record never comes to be, the next restore puts the list right. Throws CommandRefusedError where the
 * task cannot be repeated; then the run is as it was.
 */
export async function prepareReopening(keeper: RunKeeper, stored: StoredRun, task: string, index: RunIndex) {
  const { endedAt: _endedAt, ...row } = rowOf(stored.facts, stored.definition)
  try {
    keeper.checkRerun(task)
    const reopenedAfter = row.reopenedAfter ?? stored.facts.endSeq ?? stored.facts.seq
    index.put({ ...row, reopenedAfter, status: 'running', finished: false })
    await index.flush()
  } catch (error) {
    index.put(rowOf(stored.facts, stored.definition))
    keeper.carried.retire()
    await keeper.close().catch(() => {})
    throw error
  }
}
