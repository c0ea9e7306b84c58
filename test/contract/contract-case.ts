import type { AgentRunRef, BackendCapabilities } from '../../src/domain/backend.ts'
import { type Given, type LocalParts, never, type Stage, type Subject } from './stage.ts'

/** What a backend must be able to do before a case is asked of it. */
type Need = Exclude<keyof BackendCapabilities, 'logs'>

export interface ContractCase {
  readonly title: string
  readonly needs: readonly Need[]
  play(stage: Stage, subject: Subject): Promise<void>
}

/** A run that was begun; whatever comes of it, nobody needs it afterwards. */
export async function begun(stage: Stage, given: Given): Promise<AgentRunRef> {
  return stage.backend.create(stage.order(given), never)
}

/** What only agents of this machine have. */
export function localOf({ local }: Stage): LocalParts {
  if (local === undefined) throw new Error('This backend has no agents of this machine.')
  return local
}
