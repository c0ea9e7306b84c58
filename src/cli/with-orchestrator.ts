import { NotFoundError } from '../domain/errors.ts'
import type { FolderHold } from '../hold-folder.ts'
import type { CliContext } from './context.ts'
import { folderExists } from './folder-access.ts'
import { type OrchestratorPort, portOfClient, portOfHold } from './orchestrator-port.ts'
import { mayTryAgain, pause, takeIfFree, unreachable } from './pursue-runs.ts'

const MAX_TRIES = 25

/** How {@link withOrchestrator} reaches a folder's orchestrator. */
export interface WithOrchestratorOptions {
  readonly dataDir: string
  /** Whether the work may be done again when nobody knows if it took effect; asked when that happens. */
  readonly repeatable: () => boolean
}

/** Whoever does the work: the living holder, or this process with intents closed. */
export interface Reached {
  readonly target: OrchestratorPort
  /** Whether another process holds the folder. */
  readonly remote: boolean
}

/**
 * Does something with the orchestrator of a folder: through its holder where there is one, else the folder is taken for as long,
 * with intents closed. Throws NotFoundError when there is no such folder.
 */
export async function withOrchestrator<T>(
  context: CliContext,
  { dataDir, repeatable }: WithOrchestratorOptions,
  work: (reached: Reached) => Promise<T>,
): Promise<T> {
  if (!(await folderExists(dataDir))) {
    throw new NotFoundError(`The data folder ${dataDir}`, 'Name the one your run uses with --data-dir.')
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const holder = await context.findHolder(dataDir)
    if (holder) {
      try {
        return await work({ target: portOfClient(holder), remote: true })
      } catch (error) {
        if (!mayTryAgain(error, repeatable())) throw error
      }
    } else {
      const hold = await takeIfFree(context, dataDir, { intents: 'closed' })
      if (hold) return workHere(hold, work)
    }
    await pause(context)
  }
  throw unreachable(dataDir)
}

async function workHere<T>(hold: FolderHold, work: (reached: Reached) => Promise<T>): Promise<T> {
  let done: { readonly value: T } | undefined
  try {
    done = { value: await work({ target: portOfHold(hold), remote: false }) }
  } finally {
    // What was durable stays so; a failure to close must not hide why the work failed.
    if (done) await hold.close()
    else await hold.close().catch(() => undefined)
  }
  return done.value
}
