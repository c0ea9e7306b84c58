import { readFile } from 'node:fs/promises'
import { type Clock, sleep } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { factsOf, listedPids, outputOfPs } from './process-table.ts'

/** The attempt that a process works for: RUN/TASK/ATTEMPT. */
export const ATTEMPT_MARK = 'TROUPE_ATTEMPT'
/** The troupe that a process works for. */
export const OWNER_MARK = 'TROUPE_OWNER'

/** How long it may take until what was killed is gone. */
const LONGEST_MS = 10_000
const POLL_MS = 10

/**
 * Kills every process that was started with this variable in its environment, whatever its group or session, until none lives any more.
 * The value must be the same as a whole. Returns the pids that were killed; throws BackendError when some cannot be. On other systems than
 * Linux and macOS it finds none.
 */
export async function sweep(variable: string, value: string, { clock }: { clock: Clock }): Promise<readonly number[]> {
  const killed = new Set<number>()
  const until = clock.now() + LONGEST_MS
  // One that is forked while others are looked at is found the next time.
  for (let quiet = 0; quiet < 2; ) {
    const found = await clock.operation(findMarked(variable, value))
    if (found.length === 0) {
      quiet++
      continue
    }
    quiet = 0
    if (clock.now() > until) throw unkillable(variable, value, found)
    const isKilled = await clock.operation(Promise.all(found.map((pid) => killMarked(pid, variable, value))))
    for (const pid of found.filter((_, index) => isKilled[index])) killed.add(pid)
    await sleep(clock, POLL_MS)
  }
  return [...killed]
}

/** Every live process, but this one, that was started with this variable in its environment. */
export async function findMarked(variable: string, value: string): Promise<readonly number[]> {
  if (process.platform === 'darwin')
    return (await macPids(['-ax'], variable, value)).filter((pid) => pid !== process.pid)
  if (process.platform !== 'linux') return []
  const pids = (await listedPids()).filter((pid) => pid !== process.pid)
  const marked = await Promise.all(pids.map((pid) => isMarked(pid, variable, value)))
  return pids.filter((_, index) => marked[index])
}

/** The pids in what `ps -Eww -ax -o pid=,command=` prints whose environment holds the variable; the value must hold no blank. */
export function pidsInListing(listing: string, variable: string, value: string): readonly number[] {
  const mark = `${variable}=${value}`
  return listing
    .split('\n')
    .filter((line) => line.trim().split(/\s+/).slice(2).includes(mark))
    .map((line) => Number.parseInt(line, 10))
}

async function macPids(which: readonly string[], variable: string, value: string): Promise<readonly number[]> {
  return pidsInListing(await outputOfPs(['-Eww', '-o', 'pid=,command=', ...which]), variable, value)
}

async function isMarked(pid: number, variable: string, value: string): Promise<boolean> {
  // Of other users it cannot be read: those are not ours.
  const environ = await readFile(`/proc/${pid}/environ`).catch(() => undefined)
  const mark = Buffer.from(`\0${variable}=${value}\0`)
  if (!environ || !Buffer.concat([Buffer.of(0), environ, Buffer.of(0)]).includes(mark)) return false
  const facts = await factsOf(pid)
  return facts !== undefined && !facts.defunct
}

/** Its number may have been given to another process since it was found. */
async function killMarked(pid: number, variable: string, value: string): Promise<boolean> {
  const onMac = process.platform === 'darwin'
  const isStill = onMac
    ? (await macPids(['-p', String(pid)], variable, value)).includes(pid)
    : await isMarked(pid, variable, value)
  if (!isStill) return false
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

function unkillable(variable: string, value: string, pids: readonly number[]): BackendError {
  const message = `Processes with ${variable}=${value} could not be killed: ${pids.join(', ')}. End them by hand, then try again.`
  return new BackendError(message, { kind: 'crashed', retryable: true, certain: false })
}
