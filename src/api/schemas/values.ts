import { z } from 'zod'
import type { Json, JsonObject } from '../../domain/json.ts'

// What is checked here came out of JSON.parse, or goes into JSON.stringify, so that it is JSON is not asked again.

/** Any JSON value. */
export const json = z.custom<Json>((value) => value !== undefined, 'a JSON value is needed')

/** Any JSON object. */
export const jsonObject = z
  .custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object',
  })
  .meta({ type: 'object' })

/** An instant of a view or a record. */
export const instant = z.string().meta({ format: 'date-time', description: 'ISO 8601, UTC.' })

export const runId = z.string().meta({ description: 'Id of a run.', examples: ['run_06f2r0m5e8q1w7xk3d'] })
export const taskId = z.string().meta({ description: 'Id of a task; an item of a forEach is `execute[0]`.' })
export const seq = z.int().nonnegative().describe('Sequence number of a record: from 1 per run, without gaps.')
export const names = z.array(z.string())
