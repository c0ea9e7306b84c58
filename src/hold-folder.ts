import type { LocalOptions } from './accounts.ts'
import { type ControlServer, createControlServer } from './api/control-server.ts'
import type { RunAdmission } from './api/run-admission.ts'
import { createRunViews, type RunViews } from './api/run-views.ts'
import { readCodegenEnvironment } from './codegen-environment.ts'
import { openDataFolderReader } from './data-folder-reader.ts'
import type { Orchestrator } from './domain/orchestration.ts'
import { realClock } from './host/clock.ts'
import { openDataFolder } from './host/data-folder.ts'
import { type FolderLock, takeFolderLock } from './host/folder-lock.ts'
import { createLocalOrchestrator } from './orchestrator.ts'

/** A data folder held by this process. */
export interface FolderHold {
  readonly orchestrator: Orchestrator
  /** Views and outcomes of all runs of the folder, those that are not carried included. */
  readonly views: RunViews
  readonly admission: RunAdmission
  /** Throws DataFolderError `lost` once another process has taken the folder. */
  check(): Promise<void>
  /** Makes all durable, takes leave of followers and lets the folder go. Agents go on at their backends. */
  close(): Promise<void>
}

/** How a folder is taken. */
export interface TakeOptions {
  /** `closed`: restored runs create and prompt nothing. */
  readonly intents: 'open' | 'closed'
  /** Where Codegen tells of the end of agent runs that are made from now on. */
  readonly webhook?: { readonly url: string; readonly secret: string }
}

/** What holding a folder needs beyond how it is taken. */
export interface HoldOptions extends TakeOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Agents of this machine; default: the presets, and the user's state folder. */
  readonly local?: Omit<LocalOptions, 'env'>
}

/** Takes a data folder and restores its orchestrator. Throws DataFolderError; the folder is free again then. */
export async function holdFolder(dataDir: string, options: HoldOptions): Promise<FolderHold> {
  await openDataFolder(dataDir)
  const control = createControlServer()
  const lock = await takeFolderLock({ folder: dataDir, server: control.server, clock: realClock })
  try {
    const orchestrator = await createLocalOrchestrator({
      dataDir,
      clock: realClock,
      environment: { ...readCodegenEnvironment(options.env), ...(options.webhook && { webhook: options.webhook }) },
      local: { ...options.local, env: options.env },
      intents: options.intents,
      lock,
      onClosing: () => control.refuse(),
      onClosed: () => letGo(control, lock),
    })
    const reader = openDataFolderReader(dataDir)
    control.attach(orchestrator, reader)
    const close = () => orchestrator.close()
    const views = createRunViews(orchestrator, reader)
    return { orchestrator, views, admission: control.admission, check: () => lock.check(), close }
  } catch (error) {
    await letGo(control, lock)
    throw error
  }
}

async function letGo(control: ControlServer, lock: FolderLock): Promise<void> {
  control.farewell()
  await lock.release()
}
