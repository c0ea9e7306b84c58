import { z } from 'zod'
import type { Json, JsonObject } from '../domain/json.ts'
import type { Report } from '../domain/report.ts'

const reportSchema = z.object({
  status: z
    .string()
    .transform((word) => (/^(failed|failure|error)$/i.test(word) ? ('failed' as const) : ('completed' as const))),
  task_id: z.string().optional().catch(undefined),
  turn: z.coerce.number().int().optional().catch(undefined),
  result: z.custom<Json>(() => true).optional(),
  metrics: z
    .record(
      z.string(),
      z.custom<Json>(() => true),
    )
    .optional()
    .catch(undefined),
})

const FENCE = /(?:^|\n)(`{3,})[a-z]*[ \t]*\n([\s\S]*?)\n\1`*[ \t]*(?=\n|$)/g
/** Only the end of a long text is searched for the report. */
const SEARCHED = 512 * 1024

/** A text as its report (the last fenced JSON block, or the whole text; none: then the text is the result) and the rest. */
export function parseReport(text: string): { readonly report?: Report; readonly text: string } {
  const tail = text.slice(-SEARCHED)
  const blocks = [...tail.matchAll(FENCE)]
  for (const block of blocks.reverse()) {
    const report = toReport(block[2] ?? '')
    if (report === undefined) continue
    const start = text.length - tail.length + block.index
    return { report, text: `${text.slice(0, start)}${text.slice(start + block[0].length)}`.trim() }
  }
  const whole = toReport(tail.trim())
  return whole === undefined ? { text } : { report: whole, text: '' }
}

function toReport(source: string): Report | undefined {
  if (!source.startsWith('{')) return undefined
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    return undefined
  }
  const parsed = reportSchema.safeParse(value)
  if (!parsed.success) return undefined
  const { status, task_id, turn, result, metrics } = parsed.data
  return {
    status,
    result: result ?? null,
    ...(task_id === undefined ? {} : { task_id }),
    ...(turn === undefined ? {} : { turn }),
    ...(metrics === undefined ? {} : { metrics: metrics as JsonObject }),
  }
}
