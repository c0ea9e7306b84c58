import { z } from 'zod'
import { DOCUMENTED_LIMITS } from '../../backends/codegen/stand-in/rate-windows.ts'
import type { RunSettings } from '../../domain/orchestration.ts'
import type { RateLimit } from '../../domain/workflow.ts'
import { BACKEND_NAME } from '../../workflow/backend-names.ts'
import { component, components } from './component.ts'

const LIMITS = Object.keys(DOCUMENTED_LIMITS).map((name) => `codegen.${name}`)
const limitName = z
  .string()
  .refine((name) => LIMITS.includes(name), { error: `there is no such limit; there are: ${LIMITS.join(', ')}` })
  .meta({ enum: LIMITS })

/** `max` calls in any window, or none. */
export const rateLimit = component<RateLimit>('RateLimit')(
  z.union(
    [
      z.literal('none'),
      z.strictObject({ max: z.int().positive(), windowMs: z.number().positive().describe('Milliseconds.') }),
    ],
    { error: `must be none, or an object of max and windowMs, both above 0` },
  ),
)

/** How a run is carried out. */
export const runSettings = z
  .strictObject({
    backend: z
      .string()
      .regex(BACKEND_NAME, { error: 'must be codegen, simulated, command:NAME or acp:NAME' })
      .describe('Overrides the backend of every task: `codegen`, `simulated`, `command:NAME` or `acp:NAME`.')
      .exactOptional(),
    limits: z
      .record(limitName, rateLimit)
      .describe('Replaces limits of the account while the run is unfinished.')
      .exactOptional(),
    graceMs: z
      .number()
      .nonnegative()
      .describe('How long an agent whose creation is in doubt may still turn up.')
      .exactOptional(),
    speed: z
      .number()
      .positive()
      .describe('Divides durations of the stand-in and of the simulated backend.')
      .exactOptional(),
    seed: z.int().describe('All chance of the stand-in and of the simulated backend depends on it.').exactOptional(),
    yes: z.boolean().describe('Approves what waits for approval.').exactOptional(),
  })
  .describe('How the run is carried out.') satisfies z.ZodType<RunSettings>
components.add(runSettings, { id: 'RunSettings' })

/** The same of whoever owns the data folder, who may also say where local agents work. */
export const ownSettings = runSettings.extend({
  directory: z.string().exactOptional(),
}) satisfies z.ZodType<RunSettings>
