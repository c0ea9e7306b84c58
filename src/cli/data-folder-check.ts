import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TroupeError } from '../domain/errors.ts'
import { FolderCheck } from '../folder-check.ts'
import { realClock } from '../host/clock.ts'
import { dataFolderAt } from '../host/data-folder.ts'
import { type Check, ok, trouble } from './check.ts'
import type { CliContext } from './context.ts'
import { folderExists } from './folder-access.ts'

const NAME = 'data folder'

/** Whether runs can be kept in a folder, and who holds it. Makes no folder. */
export async function checkDataFolder(context: CliContext, dataDir: string): Promise<Check> {
  try {
    if (!(await folderExists(dataDir))) return await checkPlace(dataDir)
    const folder = dataFolderAt(dataDir)
    const problem = await new FolderCheck(folder, realClock).problem()
    if (problem !== undefined) return trouble(NAME, problem)
    const runs = (await folder.listRunIds()).length
    const holder = await context.findHolder(dataDir)
    const held = holder === undefined ? 'nobody holds it' : `held by process ${(await holder.health()).pid}`
    return ok(NAME, `${dataDir} can be written, holds ${runs} ${runs === 1 ? 'run' : 'runs'}; ${held}`)
  } catch (error) {
    if (error instanceof TroupeError) return trouble(NAME, error.message)
    throw error
  }
}

/** The folder is made by the first run, in the nearest one that exists. */
async function checkPlace(dataDir: string): Promise<Check> {
  let place = dirname(resolve(dataDir))
  while (!(await folderExists(place))) place = dirname(place)
  try {
    await access(place, constants.W_OK | constants.X_OK)
    return ok(NAME, `${dataDir} does not exist yet: the first run makes it`)
  } catch {
    return trouble(NAME, `${dataDir} does not exist, and ${place} cannot be written. Choose another with --data-dir.`)
  }
}
