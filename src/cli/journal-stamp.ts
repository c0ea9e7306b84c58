import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { realClock } from '../host/clock.ts'
import { dataFolderAt } from '../host/data-folder.ts'
import { listSegments } from '../host/segment-file.ts'

/**
 * A text that changes whenever a run is added to a folder, or a record to one of the runs named. Costs a few looks at sizes, so that
 * a journal is read again only when there is something new.
 */
export async function journalStamp(dataDir: string, runs: readonly string[]): Promise<string> {
  const folder = dataFolderAt(dataDir, { clock: realClock })
  const parts = [await sizeOf(join(dataDir, 'index.json')), await sizeOf(join(dataDir, 'runs'))]
  for (const run of runs) {
    const newest = (await listSegments(folder.runFolder(run))).at(-1)
    parts.push(newest ? `${newest.name} ${await sizeOf(join(folder.runFolder(run), newest.name))}` : run)
  }
  return parts.join('\n')
}

async function sizeOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  return found ? `${found.size} ${found.mtimeMs}` : ''
}
