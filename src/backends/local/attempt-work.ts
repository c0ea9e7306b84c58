import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseTaskId } from '../../domain/ids.ts'
import type { AttemptWork } from '../../domain/local-work.ts'
import { type AttemptState, workOf } from './attempt-facts.ts'
import { readNotes } from './attempt-notes.ts'

const FOLDER = /^(.+)\.(\d+)$/
/** Where ignored files of an attempt's worktree are kept, in its own folder. */
export const KEPT = 'ignored'

/** An attempt that has notes. */
export interface NotedAttempt {
  readonly task: string
  readonly attempt: number
  readonly folder: string
  readonly state: AttemptState
}

/** The attempts of a run at local agents, by task and number; none where it used no local agent. */
export async function readNotedAttempts(runFolder: string): Promise<readonly NotedAttempt[]> {
  const names = await readdir(join(runFolder, 'local')).catch(() => [])
  const attempts: NotedAttempt[] = []
  for (const name of names) {
    const [, portable = '', number = ''] = FOLDER.exec(name) ?? []
    const task = parseTaskId(portable)
    if (task === undefined) continue
    const folder = join(runFolder, 'local', name)
    const { state } = await readNotes(folder)
    if (state !== undefined) attempts.push({ task, attempt: Number(number), folder, state })
  }
  return attempts.sort((a, b) => a.state.createdAt - b.state.createdAt || a.attempt - b.attempt)
}

/** What each attempt of a run at local agents did, as its own notes tell it, in the order in which they began. */
export async function readAttemptWork(runFolder: string): Promise<readonly AttemptWork[]> {
  const attempts = await readNotedAttempts(runFolder)
  return Promise.all(
    attempts.map(async ({ task, attempt, folder, state }) => {
      const { worktree, ...work } = workOf(task, attempt, state, join(folder, KEPT))
      // Somebody may have removed it.
      return worktree === undefined || !(await isThere(worktree)) ? work : { ...work, worktree }
    }),
  )
}

/** The folders in repositories that a run's attempts were to work in: git may hold branches of one that did nothing. */
export async function foldersOf(runFolder: string): Promise<ReadonlySet<string>> {
  const attempts = await readNotedAttempts(runFolder)
  return new Set(attempts.map(({ state }) => state.collected?.work.repository ?? state.workspace.repository))
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
