import type { AccountBlocks } from './account-blocks.ts'
import type { Accounts } from './accounts.ts'
import type { FolderReader } from './data-folder-reader.ts'
import type { Clock } from './domain/clock.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunRecord } from './domain/record.ts'
import type { DataFolder } from './host/data-folder.ts'
import type { RunIndex } from './host/run-index.ts'
import type { Inspectors } from './inspectors.ts'
import type { Circuits } from './limits/circuits.ts'

/** What runs are carried with. */
export interface CarriedRunsOptions {
  readonly clock: Clock
  readonly folder: DataFolder
  readonly limiter: Limiter
  readonly index: RunIndex
  readonly reader: FolderReader
  readonly accounts: Accounts
  readonly blocks: AccountBlocks
  readonly circuits: Circuits
  readonly inspectors: Inspectors
  /** No effect starts before this resolves. */
  readonly gate: Promise<void>
  readonly random: () => number
  /** Awaited before each commit. */
  readonly beforeCommit?: (() => Promise<void>) | undefined
  /** Whether Codegen, where a workflow uses it, is the embedded stand-in. */
  readonly playsCodegen: boolean
  /** Told of each durable group, in order per run, when what this tells of the run is up to date. */
  readonly onRecords: (run: string, records: readonly RunRecord[]) => void
  readonly onMeasured: (run: string, records: number, ms: number) => void
}
