import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'

/** A process as the system knows it. */
export interface ProcessFacts {
  readonly pid: number
  /** It has ended, and nobody has asked how. */
  readonly defunct: boolean
  readonly group: number
  /** With the pid it names one process: numbers are given out again. */
  readonly startedAt: string
}

/** The facts in a line of /proc/PID/stat; its second field is a name in brackets that may hold anything. */
export function readStat(stat: string): ProcessFacts | undefined {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ')
  const [state, group, startedAt] = [fields[0], fields[2], fields[19]]
  if (state === undefined || group === undefined || startedAt === undefined) return undefined
  return { pid: Number.parseInt(stat, 10), defunct: /[ZXx]/.test(state), group: Number(group), startedAt }
}

/** What Linux tells of a process; undefined where there is none, and on other systems. */
export async function factsOf(pid: number): Promise<ProcessFacts | undefined> {
  return readStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))
}

/** Every process that Linux shows us. */
export async function listedPids(): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => [])
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
}

/** When a process was started, in the system's own words; empty where it cannot tell any more. */
export async function startOf(pid: number): Promise<string> {
  if (process.platform === 'linux') return (await factsOf(pid))?.startedAt ?? ''
  return (await outputOfPs(['-o', 'lstart=', '-p', String(pid)])).trim()
}

/** What `ps` prints; empty where it fails. */
export function outputOfPs(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024 }
    execFile('ps', args, options, (error, stdout) => resolve(error ? '' : stdout))
  })
}
