import type { AgentDescriptions } from './domain/agent-description.ts'
import type { Orchestrator } from './domain/orchestration.ts'
import { holdFolder } from './hold-folder.ts'

/** How a program makes an orchestrator. */
export interface CreateOptions {
  /** The data folder; made where it does not exist. */
  readonly dataDir: string
  /**
   * Where `CODEGEN_API_TOKEN`, `CODEGEN_ORG_ID` and `CODEGEN_API_BASE_URL` are read, and what local agents are given parts of. Default:
   * `process.env`.
   */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Local agents beside the presets `claude` and `codex`, and what is different of those. */
  readonly agents?: AgentDescriptions
  /** Where worktrees and private homes of local agents are made, absolute. Default: `XDG_STATE_HOME` or `~/.local/state`, in `troupe`. */
  readonly workDir?: string
}

/**
 * Takes a data folder into this process: other processes reach its runs through its control socket until `close`. Unfinished
 * runs go on when `resume` is called.
 *
 * @throws DataFolderError `data-folder-locked` when another process holds the folder.
 */
export async function createOrchestrator(options: CreateOptions): Promise<Orchestrator> {
  const { dataDir, env = process.env, agents, workDir } = options
  const local = { ...(agents === undefined ? {} : { agents }), ...(workDir === undefined ? {} : { workDir }) }
  const { orchestrator } = await holdFolder(dataDir, { env, local, intents: 'open' })
  return orchestrator
}
