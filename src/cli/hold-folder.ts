import { type ControlServer, createControlServer } from '../api/control-server.ts'
import { type ControlClient, createControlClient } from '../client/control-client.ts'
import { DataFolderError } from '../domain/errors.ts'
import { realClock } from '../host/clock.ts'
import { controlSocketPath, probeHolder } from '../host/control-socket.ts'
import { openDataFolder } from '../host/data-folder.ts'
import { type FolderLock, takeFolderLock } from '../host/folder-lock.ts'
import type { FolderHold, TakeOptions } from './context.ts'

/** What holding a folder needs beyond how it is taken. */
export interface HoldOptions extends TakeOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: (line: string) => void
}

/** Takes a data folder and restores its orchestrator. Throws DataFolderError; the folder is free again then. */
export async function holdFolder(dataDir: string, options: HoldOptions): Promise<FolderHold> {
  await openDataFolder(dataDir)
  const control = createControlServer()
  const lock = await takeFolderLock({ folder: dataDir, server: control.server, clock: realClock })
  try {
    const { createOrchestrator } = await import('../orchestrator.ts')
    const orchestrator = await createOrchestrator({
      dataDir,
      clock: realClock,
      environment: environmentOf(options.env),
      intents: options.intents,
      log: options.log,
      lock,
    })
    control.attach(orchestrator)
    const close = async () => {
      control.refuse()
      try {
        await orchestrator.close()
      } finally {
        await letGo(control, lock)
      }
    }
    return { orchestrator, admission: control.admission, close }
  } catch (error) {
    await letGo(control, lock)
    throw error
  }
}

/** A client of the living holder of a folder; undefined when nobody holds it. Throws DataFolderError when it is silent. */
export async function findHolder(dataDir: string): Promise<ControlClient | undefined> {
  const holder = await probeHolder(dataDir)
  if (holder === 'silent') {
    const message = `A process holds ${dataDir} but does not answer. Let it go on or end it, then try again.`
    throw new DataFolderError('locked', dataDir, message)
  }
  return holder === 'none' ? undefined : createControlClient(await controlSocketPath(dataDir))
}

async function letGo(control: ControlServer, lock: FolderLock): Promise<void> {
  control.farewell()
  await lock.release()
}

/** An empty variable counts as none. */
function environmentOf(env: Readonly<Record<string, string | undefined>>) {
  const { CODEGEN_API_TOKEN: token, CODEGEN_ORG_ID: organizationId, CODEGEN_API_BASE_URL: baseUrl } = env
  return {
    ...(token ? { token } : {}),
    ...(organizationId ? { organizationId } : {}),
    ...(baseUrl ? { baseUrl } : {}),
  }
}
