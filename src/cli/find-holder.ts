import { type ControlClient, createControlClient } from '../client/control-client.ts'
import { DataFolderError } from '../domain/errors.ts'
import { controlSocketPath, probeHolder } from '../host/control-socket.ts'

/** A client of the living holder of a folder; undefined when nobody holds it. Throws DataFolderError when it is silent. */
export async function findHolder(dataDir: string): Promise<ControlClient | undefined> {
  const holder = await probeHolder(dataDir)
  if (holder === 'silent') {
    const message = `A process holds ${dataDir} but does not answer. Let it go on or end it, then try again.`
    throw new DataFolderError('locked', dataDir, message)
  }
  return holder === 'none' ? undefined : createControlClient(await controlSocketPath(dataDir))
}
