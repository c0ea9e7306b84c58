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

/** A line that opens or closes a fenced block: its backticks, and what follows them. */
const FENCE = /^ {0,3}(`{3,})([^`\r\n]*)\r?$/gm
/** Only the end of a long text is searched for the report. */
const SEARCHED = 4 * 1024 * 1024

/** A fenced block of a text: from its opening line to the end of its closing one. */
interface Block {
  readonly start: number
  readonly end: number
  readonly content: string
}

/** A text as its report (the last fenced JSON block, or the whole text; none: then the text is the result) and the rest. */
export function parseReport(text: string): { readonly report?: Report; readonly text: string } {
  const whole = toReport(text)
  if (whole !== undefined) return { report: whole, text: '' }
  const from = Math.max(0, text.length - SEARCHED)
  for (const { start, end, content } of blocksOf(text.slice(from)).reverse()) {
    const report = toReport(content)
    if (report !== undefined) return { report, text: `${text.slice(0, from + start)}${text.slice(from + end)}`.trim() }
  }
  return { text }
}

/**
 * The fenced blocks of a text in one pass: a block ends at a line of as many backticks, and what it encloses is its content. A block
 * that was never closed ends where the next one of its kind begins, or with the text.
 */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let open: { readonly start: number; readonly content: number; readonly ticks: number } | undefined
  const close = (contentEnd: number, end: number) => {
    if (open !== undefined) blocks.push({ start: open.start, end, content: text.slice(open.content, contentEnd) })
    open = undefined
  }
  for (const line of text.matchAll(FENCE)) {
    const [{ length }, { length: ticks } = '', info = ''] = line
    const end = line.index + length
    if (open !== undefined && ticks < open.ticks) continue
    if (open !== undefined && info.trim() === '') {
      close(line.index, end)
      continue
    }
    close(line.index, line.index)
    open = { start: line.index, content: end, ticks }
  }
  close(text.length, text.length)
  return blocks
}

function toReport(text: string): Report | undefined {
  const source = text.trim()
  if (!source.startsWith('{') || !source.endsWith('}')) return undefined
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
