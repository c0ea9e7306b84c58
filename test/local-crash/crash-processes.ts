/** The processes of a run's life, as the system shows them. */
import { readFile, readlink } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { findMarked, OWNER_MARK } from '../../src/backends/local/process-marks.ts'
import { factsOf, listedPids } from '../../src/backends/local/process-table.ts'
import type { CrashSite } from './crash-site.ts'

const POLL_MS = 50

/** The command line of a process; empty where it has ended. */
export async function commandOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text.replaceAll('\0', ' ').trim()
}

/** A process that works for a task of this data folder and whose command line holds a word. */
export async function findWorking({ owner }: CrashSite, task: string, word: string): Promise<number | undefined> {
  for (const pid of await findMarked(OWNER_MARK, owner)) {
    const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if (!environ.includes(`/${task}/`) || !(await commandOf(pid)).includes(word)) continue
    if (new RegExp(`TROUPE_ATTEMPT=run_\\w+/${task}/`).test(environ)) return pid
  }
  return undefined
}

/** Whatever lives of a run: what bears its mark, its guard, and whatever stands in its folders, such as a git. */
export async function livingOf({ owner, folder }: CrashSite): Promise<readonly number[]> {
  const marked = await findMarked(OWNER_MARK, owner)
  const guards = await findMarked('TROUPE_GUARD', owner)
  const found = new Set([...marked, ...guards])
  for (const pid of await listedPids()) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
    if (!cwd.startsWith(folder) && !(await commandOf(pid)).includes(folder)) continue
    if ((await factsOf(pid))?.defunct === false) found.add(pid)
  }
  return [...found]
}

/** Kills what would end the processes of a troupe that was killed. */
export async function killGuards({ owner }: CrashSite): Promise<void> {
  for (const pid of await findMarked('TROUPE_GUARD', owner)) process.kill(pid, 'SIGKILL')
}

/** Waits until nothing lives any more, or nothing of these; gives how long that took, and what still lives in words. */
export async function untilGone(
  site: CrashSite,
  ms: number,
  of?: readonly number[],
): Promise<{ ms: number; left: readonly string[] }> {
  const began = performance.now()
  for (;;) {
    const living = (await livingOf(site)).filter((pid) => of === undefined || of.includes(pid))
    const took = performance.now() - began
    if (living.length === 0) return { ms: took, left: [] }
    if (took > ms) {
      const words = await Promise.all(living.map(async (pid) => `${pid} ${(await commandOf(pid)).slice(0, 160)}`))
      return { ms: took, left: words }
    }
    await pause(POLL_MS)
  }
}
