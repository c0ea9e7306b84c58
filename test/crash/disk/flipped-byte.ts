/** One byte of a file flipped while nobody looked: said, the run goes on without what it held, and nobody is paid for twice. */
import type { DiskReport } from './disk-report.ts'
import { type DiskLife, inLife, type StoppedFolder, unsyncedMoments } from './stopped-folder.ts'
import { doubles, OTHER, SMALL } from './what-was-left.ts'

/** `every`: which of the bytes are tried; `moments`: how many moments of the run's life, spread over it. */
export interface FlippedByteOptions {
  readonly every: number
  readonly moments: number
}

/** Flips bytes of the first run's journal, of its definition and of the list of runs; the other run must be as if nothing were. */
export async function flipBytes({ every, moments }: FlippedByteOptions): Promise<DiskReport> {
  const all = await unsyncedMoments(SMALL, OTHER)
  const problems: string[] = []
  const counts: Record<string, number> = {}
  let tried = 0
  for (let n = 1; n <= moments; n++) {
    const stopped = all[Math.floor((n * (all.length - 1)) / (moments + 1))]
    if (stopped === undefined) continue
    const [run = ''] = runsOf(stopped)
    for (const [path, bytes] of stopped.files) {
      if (!path.includes(run) && path !== 'index.json') continue
      for (let at = tried % every; at < bytes.length; at += every) {
        tried++
        const found = await goOn(flipped(stopped, path, at), run, path)
        for (const word of found.counts) counts[word] = (counts[word] ?? 0) + 1
        problems.push(
          ...found.problems.map((problem) => `moment ${n}, ${path}, byte ${at} of ${bytes.length}: ${problem}`),
        )
      }
    }
  }
  return { case: 'byte flipped', tried, problems, counts }
}

function runsOf({ files }: StoppedFolder): readonly string[] {
  return [...new Set([...files.keys()].flatMap((path) => /^runs\/(run_\w+)\//.exec(path)?.[1] ?? []))].sort()
}

function flipped(stopped: StoppedFolder, path: string, at: number): StoppedFolder {
  const bytes = Buffer.from(stopped.files.get(path) ?? Buffer.alloc(0))
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 7))
  return { ...stopped, files: new Map(stopped.files).set(path, bytes) }
}

async function goOn(stopped: StoppedFolder, run: string, path: string) {
  return inLife(
    {},
    async (life) => {
      const counts: string[] = []
      const problems: string[] = []
      try {
        const resumed = await life.open()
        for (const other of runsOf(stopped).filter((id) => id !== run)) {
          const { status } = resumed.includes(other) ? await life.settled(other) : { status: 'not restored' }
          if (status !== 'completed') problems.push(`the other run is ${status}`)
        }
        if (resumed.includes(run)) {
          const { status, exitCode } = await life.settled(run)
          counts.push(`${status} (${exitCode})`)
          if (path.includes('journal') && !(await isSaid(life, run)))
            problems.push('nothing says that a record is damaged')
        } else counts.push('not restored')
      } catch (error) {
        problems.push(String(error))
      }
      return { counts, problems: [...problems, ...doubles(life)] }
    },
    stopped,
  )
}

async function isSaid(life: DiskLife, run: string): Promise<boolean> {
  const records = (await life.orchestrator?.records(run, 0, 100_000)) ?? []
  return records.some(({ type, data }) => type === 'alert' && data?.['code'] === 'damaged')
}
