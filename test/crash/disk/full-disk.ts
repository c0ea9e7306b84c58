/** The disk is full from some write on: the run pauses and says so, nothing is lost, and a process that finds room goes on. */
import type { DiskListener } from '../../simulation/disk/memory-disk.ts'
import type { DiskReport } from './disk-report.ts'
import { type DiskLife, inLife } from './stopped-folder.ts'
import { SMALL, wholeRunProblems } from './what-was-left.ts'

const FULL = { code: 'ENOSPC' } as const
/** Wide, but there: calls are noted then. */
const LIMIT = { max: 1_000, windowMs: 60_000 }
/** More writes than a run makes. */
const MOST = 400

/** `every`: from which of the writes on, 1 for each of them. */
export async function fillDisk({ every }: { readonly every: number }): Promise<DiskReport> {
  const problems: string[] = []
  const counts = { refusedStarts: 0, paused: 0 }
  let tried = 0
  for (let from = 1; from < MOST; from += every) {
    tried++
    const { end, found } = await fill(from)
    problems.push(...found.map((problem) => `full from write ${from} on: ${problem}`))
    if (end === 'whole') break
    counts[end === 'refused' ? 'refusedStarts' : 'paused']++
  }
  return { case: 'disk full', tried, problems, counts }
}

async function fill(from: number) {
  let writes = 0
  const listener = (): Partial<DiskListener> => ({
    onCall: ({ what }) => (what === 'write' && ++writes >= from ? FULL : 'whole'),
  })
  const { end, found, stopped } = await inLife({ createLimit: LIMIT, listener }, async (life) => {
    const refused = await begin(life)
    if (typeof refused === 'string')
      return { end: 'refused', found: refused === '' ? [] : [refused], stopped: life.stop() }
    const { status, exitCode, reason = '' } = await life.settled(refused.run)
    const isWhole = status === 'completed'
    const isSaid = exitCode === 2 && status === 'paused' && reason.includes('the disk is full')
    const words = `the run is ${status} (${exitCode}): ${reason}`
    return { end: isWhole ? 'whole' : 'paused', found: isWhole || isSaid ? [] : [words], stopped: life.stop() }
  })
  if (end === 'whole') return { end, found }
  const after = await inLife(
    { createLimit: LIMIT },
    async (life) => {
      const [run] = await life.open()
      if (run !== undefined) return wholeRunProblems(life, run)
      return end === 'refused' ? Object.keys(life.standIn.creations()) : ['there is nothing to go on with']
    },
    stopped,
  )
  return { end, found: [...found, ...after] }
}

/** The run, or why there is none: '' when it was refused in the right words. */
async function begin(life: DiskLife): Promise<{ readonly run: string } | string> {
  try {
    await life.open()
    return { run: await life.start(SMALL) }
  } catch (error) {
    const isSaid = error instanceof Error && 'code' in error && error.code === 'data-folder-full'
    return isSaid ? '' : `the start failed otherwise: ${String(error)}`
  }
}
