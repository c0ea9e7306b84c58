import type { JsonObject } from '../../../domain/json.ts'

/** A webhook target given with a create or a resume. */
export interface WebhookTarget {
  readonly url: string
  readonly secret?: string | null | undefined
}

/** How the agents of a line were to behave when it was written: a later start with other settings does not change the past. */
export interface Pace {
  readonly seed: number
  /** Divides durations. */
  readonly speed: number
}

/** One accepted request that changed something: all that the stand-in knows follows from these. */
export type StoreLine =
  | {
      readonly v: 1
      readonly type: 'create'
      readonly id: number
      /** When the request arrived, ms. */
      readonly at: number
      readonly pace: Pace
      readonly source: string
      readonly prompt: string
      readonly metadata: JsonObject | null
      readonly webhooks: readonly WebhookTarget[] | null
    }
  | {
      readonly v: 1
      readonly type: 'resume'
      readonly id: number
      readonly at: number
      readonly pace: Pace
      readonly prompt: string
      readonly webhooks: readonly WebhookTarget[] | null
    }
  | { readonly v: 1; readonly type: 'ban' | 'unban'; readonly id: number; readonly at: number }
  | {
      readonly v: 1
      readonly type: 'webhook'
      readonly at: number
      /** The organization's setting from now on; null for none. */
      readonly config: { readonly url: string; readonly secret: string | null; readonly enabled: boolean } | null
    }

/** Where the stand-in keeps what it accepted. */
export interface StandInStore {
  /** The lines that were there at the start, in order. */
  readonly past: readonly StoreLine[]
  /** Resolves once the line is durable, in the order of the calls; rejects with DataFolderError when it is not. */
  append(line: StoreLine): Promise<void>
  close(): Promise<void>
}

/** A store that is as durable as this process. */
export function createMemoryStore(): StandInStore {
  return { past: [], append: async () => {}, close: async () => {} }
}
