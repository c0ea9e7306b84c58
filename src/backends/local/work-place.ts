import { createHash } from 'node:crypto'
import { readdir, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { BackendError } from '../../domain/errors.ts'
import { type AttemptKey, parseTaskId } from '../../domain/ids.ts'
import { attemptFolder, readNotes } from './attempt-notes.ts'

/** A worktree in the folder of its attempt. */
export const TREE = 'tree'

/** Who owns the processes and worktrees of a data folder: its real path tells one troupe from another. */
export async function ownerOf(dataDir: string): Promise<string> {
  return createHash('sha256')
    .update(await realpath(dataDir))
    .digest('hex')
    .slice(0, 16)
}

/** Where worktrees are made unless somebody says otherwise: the place of a user's programs for what they keep. Throws BackendError. */
export function defaultWorkDir({ XDG_STATE_HOME, HOME }: Readonly<Record<string, string | undefined>>): string {
  if (XDG_STATE_HOME) return join(XDG_STATE_HOME, 'troupe')
  const home = HOME || homedir()
  if (home) return join(home, '.local', 'state', 'troupe')
  const message = 'There is no home folder to make worktrees in. Set TROUPE_WORK_DIR, or workDir in troupe.config.yaml.'
  throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}

/**
 * The attempts that were not let go of the runs that this is true of, each with its backend. Only those are looked at whose folders are
 * there: what was let go has none, but for a private home.
 */
export async function leftAttempts(
  { dataDir, workDir, runFolder }: LeftPlaces,
  isWanted: (run: string) => boolean,
): Promise<readonly { readonly key: AttemptKey; readonly backend: string }[]> {
  const owned = join(workDir, await ownerOf(dataDir))
  const left: { key: AttemptKey; backend: string }[] = []
  for (const run of (await namesIn(owned)).filter(isWanted)) {
    for (const name of await namesIn(join(owned, run))) {
      const [, portable = '', number = ''] = /^(.+)\.(\d+)$/.exec(name) ?? []
      const task = parseTaskId(portable)
      if (task === undefined) continue
      const { state } = await readNotes(attemptFolder(runFolder(run), { task, attempt: Number(number) }))
      if (state?.released === false) left.push({ key: { run, task, attempt: Number(number) }, backend: state.backend })
    }
  }
  return left
}

interface LeftPlaces {
  readonly dataDir: string
  readonly workDir: string
  readonly runFolder: (run: string) => string
}

function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}
