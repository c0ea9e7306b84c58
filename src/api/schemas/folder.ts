import { z } from 'zod'
import type { JsonObject } from '../../domain/json.ts'
import type { FolderHealth } from '../../domain/measure.ts'
import { component } from './component.ts'
import { instant, jsonObject } from './values.ts'

/** Answer of `GET /v1/backends`. */
export interface BackendsView {
  readonly limits: JsonObject
  readonly backends: FolderHealth['backends']
}

/** Whether a backend answers. */
export const backendHealth = component<FolderHealth['backends'][string]>('BackendHealth')(
  z.object({
    reachable: z.enum(['yes', 'no', 'unknown']).describe('What its last call showed; `unknown` before the first.'),
    at: instant.exactOptional(),
    message: z.string().exactOptional(),
  }),
)

/** Limits of all runs, and whether their backends answer. */
export const backendsView = component<BackendsView>('Backends')(
  z.object({
    limits: jsonObject.describe(
      '`buckets` (rate limits: used, reserved, waiting, nextAt, closedUntil), `caps` (concurrency and resources), the `runs` and `accounts` that are held back, with why, and the `circuits` of each account (`calls`: nobody answers; `ends`: agents fail; closed, open or half-open).',
    ),
    backends: z.record(z.string(), backendHealth).describe('By account.'),
  }),
)
