import type { Orchestrator } from './domain/orchestration.ts'
import { holdFolder } from './hold-folder.ts'

/** How a program makes an orchestrator. */
export interface CreateOptions {
  /** The data folder; made where it does not exist. */
  readonly dataDir: string
  /** Where `CODEGEN_API_TOKEN`, `CODEGEN_ORG_ID` and `CODEGEN_API_BASE_URL` are read. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Takes a data folder into this process: other processes reach its runs through its control socket until `close`. Unfinished
 * runs go on when `resume` is called.
 *
 * @throws DataFolderError `data-folder-locked` when another process holds the folder.
 */
export async function createOrchestrator(options: CreateOptions): Promise<Orchestrator> {
  const { orchestrator } = await holdFolder(options.dataDir, { env: options.env ?? process.env, intents: 'open' })
  return orchestrator
}
