/** The journal torn at a byte of what was being written when the process was killed. */
import type { DiskReport } from './disk-report.ts'
import { inLife, type StoppedFolder, unsyncedMoments } from './stopped-folder.ts'
import { SMALL, wholeRunProblems } from './what-was-left.ts'

/** `every`: which of the bytes are tried, 1 for all; `groups`: in which of the groups that were written. */
export interface TornJournalOptions {
  readonly every: number
  readonly groups?: (at: number) => boolean
}

/** Goes on from each cut; every run must complete with nothing created or told twice. */
export async function tearJournal({ every, groups = () => true }: TornJournalOptions): Promise<DiskReport> {
  const problems: string[] = []
  let tried = 0
  const moments = (await unsyncedMoments(SMALL)).filter((_, at) => groups(at))
  for (const moment of moments) {
    const { journal } = moment
    const bytes = journal && moment.files.get(journal.path)
    if (journal === undefined || bytes === undefined) continue
    for (let cut = journal.from; cut <= bytes.length; cut += every) {
      tried++
      const torn = new Map(moment.files).set(journal.path, bytes.subarray(0, cut))
      const found = await goOn({ ...moment, files: torn })
      problems.push(...found.map((problem) => `${journal.path} cut at ${cut} of ${bytes.length}: ${problem}`))
    }
  }
  return { case: 'journal torn', tried, problems }
}

async function goOn(stopped: StoppedFolder): Promise<readonly string[]> {
  return inLife(
    {},
    async (life) => {
      const [run] = await life.open()
      // Nothing of it was durable: it was never begun, and nobody was told that it was.
      if (run === undefined) return Object.keys(life.standIn.creations()).map((key) => `${key} is nobody's`)
      return wholeRunProblems(life, run)
    },
    stopped,
  )
}
