import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataFolderError } from '../../../domain/errors.ts'

/**
 * Holds a stand-in's file for one process; a holder that was killed does not keep it. A starter links its file in whole
 * as `runs.lock.N`, N above all that are there, and has the lock if it then sees no other living one: of two
 * starters at least the later sees the earlier.
 */
export interface StoreLock {
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  /** When that process started, where the system says so: process ids are used again. */
  readonly started: string | null
  /** Tells the locks of one process apart. */
  readonly serial: number
}

const LOCK = /^runs\.lock\.(\d+)$/
const PRIVATE = /^runs\.lock-(\d+)-\d+$/
/** Serials of this process that are locks, or are about to be: a dead namesake's is none of ours. */
const held = new Set<number>()
let serials = 0

/** Takes the lock of an existing folder, or throws DataFolderError 'locked'. */
export async function lockStore(folder: string): Promise<StoreLock> {
  const serial = ++serials
  const mine = join(folder, `runs.lock-${process.pid}-${serial}`)
  const holder: Holder = { pid: process.pid, started: await startOf(process.pid), serial }
  await writeFile(mine, JSON.stringify(holder), { mode: 0o600 })
  held.add(serial)
  try {
    for (;;) {
      const path = await tryTake(folder, mine)
      if (path === undefined) continue
      return {
        release: async () => {
          held.delete(serial)
          await rm(path, { force: true })
        },
      }
    }
  } catch (error) {
    held.delete(serial)
    throw error
  } finally {
    await rm(mine, { force: true })
  }
}

/** The path of the lock, or undefined when another starter came in between: look again. */
async function tryTake(folder: string, mine: string): Promise<string | undefined> {
  const before = await lockNumbers(folder)
  if (await anyHeld(folder, before)) throw locked(folder)
  const number = Math.max(0, ...before) + 1
  const path = lockPath(folder, number)
  try {
    await link(mine, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  }
  const others = (await lockNumbers(folder)).filter((other) => other !== number)
  if (await anyHeld(folder, others)) {
    await rm(path, { force: true })
    return undefined
  }
  await sweep(folder, number)
  return path
}

function lockPath(folder: string, number: number): string {
  return join(folder, `runs.lock.${number}`)
}

async function lockNumbers(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder)
  return names.flatMap((name) => LOCK.exec(name)?.[1] ?? []).map(Number)
}

async function anyHeld(folder: string, numbers: readonly number[]): Promise<boolean> {
  for (const number of numbers) if (await isHeld(lockPath(folder, number))) return true
  return false
}

/** Removes the locks below ours and what killed starters left. */
async function sweep(folder: string, ours: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = Number(LOCK.exec(name)?.[1] ?? Infinity)
    const starter = PRIVATE.exec(name)?.[1]
    const isLeft = starter !== undefined && Number(starter) !== process.pid && !isRunning(Number(starter))
    if (number < ours || isLeft) await rm(join(folder, name), { force: true })
  }
}

async function isHeld(path: string): Promise<boolean> {
  const holder = await readHolder(path)
  if (holder === undefined) return false
  if (holder.pid === process.pid) return held.has(holder.serial)
  if (!isRunning(holder.pid)) return false
  const started = await startOf(holder.pid)
  return holder.started === null || started === null || holder.started === started
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof holder !== 'object' || holder === null || !('pid' in holder)) return undefined
    const { pid, started, serial } = { started: null, serial: 0, ...holder }
    if (typeof pid !== 'number') return undefined
    return { pid, started: typeof started === 'string' ? started : null, serial: Number(serial) }
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Signal 0 asks whether a process is there; EPERM means that it is, and somebody else's. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** The start time of a process in ticks since the machine's start, or null where the system does not tell. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name of the process, in parentheses, may hold spaces: fields are counted behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function locked(folder: string): DataFolderError {
  return new DataFolderError(
    'locked',
    folder,
    `Another stand-in writes the runs of ${folder}. Stop it, or name another data folder.`,
  )
}
