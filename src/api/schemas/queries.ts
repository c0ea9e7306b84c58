import { z } from 'zod'

/** States that a run may be in, as filters name them. */
const RUN_STATES = ['starting', 'running', 'paused', 'finishing', 'completed', 'failed', 'cancelled'] as const

const RECORDS = { usual: 1000, most: 5000 }
const LOG_LINES = { usual: 200, most: 1000 }
const MOST_RUNS = 10_000

/** A whole number of a query; what is above `most` counts as `most`. */
function count(least: number, most: number) {
  const read = (text: unknown) =>
    typeof text === 'string' && /^\d{1,15}$/.test(text) ? Math.min(Number(text), most) : text
  return z.preprocess(read, z.int({ error: 'must be a whole number' }).min(least).max(most))
}

const list = (text: unknown) => (typeof text === 'string' ? text.split(',') : text)
const anyRunId = z.string().max(100)

/** Query of `GET /v1/runs`. */
export const runsQuery = z.strictObject({
  status: z
    .preprocess(list, z.array(z.enum(RUN_STATES)))
    .describe('Only runs in one of these states.')
    .exactOptional(),
  name: z.string().max(200).describe('Only runs of the workflow of this name.').exactOptional(),
  order: z.enum(['oldest', 'newest']).describe('Which come first; default oldest.').exactOptional(),
  before: anyRunId.describe('Only runs that began before this one: the next page of `order=newest`.').exactOptional(),
  after: anyRunId.describe('Only runs that began after this one: the next page of `order=oldest`.').exactOptional(),
  limit: count(1, MOST_RUNS).describe('At most so many; default all.').exactOptional(),
})
export type RunsQuery = z.infer<typeof runsQuery>

export const recordsQuery = z.strictObject({
  after: count(0, Number.MAX_SAFE_INTEGER).describe('Only records with a greater seq; default 0.').default(0),
  limit: count(0, RECORDS.most).describe(`At most so many; default ${RECORDS.usual}.`).default(RECORDS.usual),
})

export const tasksQuery = z.strictObject({
  state: z
    .preprocess(list, z.array(z.string().max(100)))
    .describe('Only tasks in one of these states; `running` stands for `running.needsInput` too.')
    .exactOptional(),
})

export const logsQuery = z.strictObject({
  limit: count(0, LOG_LINES.most).describe(`At most so many; default ${LOG_LINES.usual}.`).default(LOG_LINES.usual),
})

export const removeQuery = z.strictObject({
  archive: z
    .enum(['true', 'false'])
    .describe('true: the run’s folder is moved to `archive/` instead of deleted.')
    .exactOptional(),
})

/** Query of `GET /v1/events`, as the stream reads it: the repeated names are lists. */
export const eventsQuery = z.strictObject({
  run: z.array(z.string()).describe('Only this run; default all.').exactOptional(),
  task: z.array(z.string()).describe('Only records of this task.').exactOptional(),
  type: z.array(z.string()).describe('Only records of this type.').exactOptional(),
  after: z.string().describe('`start`, `now` (the default) or a cursor.').exactOptional(),
  ticket: z.string().describe('Instead of a token.').exactOptional(),
})
