/** Checkpoints that are missing, damaged or old: the journal holds all, so a run comes to the same end without them. */
import type { DiskReport } from './disk-report.ts'
import { type DiskLife, inLife, type StoppedFolder } from './stopped-folder.ts'
import { SMALL, wholeRunProblems } from './what-was-left.ts'

type Change = (life: DiskLife, folder: string, stopped: StoppedFolder) => void

const NEWEST = 'checkpoint.json'
const PREVIOUS = 'checkpoint.previous.json'

function damage(name: string, share: number): Change {
  return (life, folder, { files }) => {
    const bytes = Buffer.from(files.get(`${folder}/${name}`) ?? Buffer.alloc(0))
    const at = Math.floor(share * (bytes.length - 1))
    bytes[at] = (bytes[at] ?? 0) ^ 1
    life.write(`${folder}/${name}`, bytes)
  }
}

function cutShort(life: DiskLife, folder: string, { files }: StoppedFolder): void {
  const bytes = files.get(`${folder}/${NEWEST}`) ?? Buffer.alloc(0)
  life.write(`${folder}/${NEWEST}`, bytes.subarray(0, bytes.length >> 1))
}

/** What is done to a folder with two checkpoints and the segments of the journal behind each. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  'as it was': [],
  'the newest missing': [(life, folder) => life.remove(`${folder}/${NEWEST}`)],
  'the previous missing': [(life, folder) => life.remove(`${folder}/${PREVIOUS}`)],
  'both missing': [
    (life, folder) => life.remove(`${folder}/${NEWEST}`),
    (life, folder) => life.remove(`${folder}/${PREVIOUS}`),
  ],
  'the newest damaged in its middle': [damage(NEWEST, 0.5)],
  'the newest damaged at its beginning': [damage(NEWEST, 0)],
  'the newest damaged at its end': [damage(NEWEST, 1)],
  'the newest cut short': [cutShort],
  'the newest empty': [(life, folder) => life.write(`${folder}/${NEWEST}`, Buffer.alloc(0))],
  'both damaged': [damage(NEWEST, 0.3), damage(PREVIOUS, 0.7)],
  'the older one in the place of the newest': [
    (life, folder, { files }) =>
      life.write(`${folder}/${NEWEST}`, files.get(`${folder}/${PREVIOUS}`) ?? Buffer.alloc(0)),
  ],
}

/** `everyMs`: how often the run is stopped in its life, and gone on from with each of the changes. */
export async function breakCheckpoints({ everyMs }: { readonly everyMs: number }): Promise<DiskReport> {
  const problems: string[] = []
  let tried = 0
  for (const stopped of await stops(everyMs)) {
    for (const [name, changes] of Object.entries(CHANGES)) {
      tried++
      const found = await goOn(stopped, changes)
      problems.push(...found.map((problem) => `${name}, stopped at ${new Date(stopped.now).toISOString()}: ${problem}`))
    }
  }
  return { case: 'checkpoints', tried, problems }
}

/** The folder again and again, each time with two checkpoints and records beyond them. */
async function stops(everyMs: number): Promise<readonly StoppedFolder[]> {
  return inLife({}, async (life) => {
    await life.open()
    const run = await life.start(SMALL)
    const stopped: StoppedFolder[] = []
    let isOver = false
    void life.orchestrator?.settled(run).then(() => {
      isOver = true
    })
    while (!isOver) {
      await life.clock.runUntil(life.orchestrator?.checkpoint() ?? Promise.resolve())
      await life.clock.advance(everyMs)
      const now = life.stop()
      if (now.files.has(`${folderOf(now)}/${PREVIOUS}`)) stopped.push(now)
    }
    // After the end there is nothing to go on with.
    return stopped.slice(0, -1)
  })
}

function folderOf({ files }: StoppedFolder): string {
  const path = [...files.keys()].find((name) => name.startsWith('runs/')) ?? ''
  return path.split('/').slice(0, 2).join('/')
}

async function goOn(stopped: StoppedFolder, changes: readonly Change[]): Promise<readonly string[]> {
  return inLife(
    {},
    async (life) => {
      for (const change of changes) change(life, folderOf(stopped), stopped)
      const [run] = await life.open()
      return run === undefined ? ['the run was not restored'] : wholeRunProblems(life, run)
    },
    stopped,
  )
}
