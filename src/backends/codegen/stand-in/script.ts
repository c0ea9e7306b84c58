import { z } from 'zod'

/** How an agent's turn ends at the stand-in. */
export type Outcome = (typeof OUTCOMES)[number]

const OUTCOMES = [
  'complete',
  'error',
  'paused',
  'timeout',
  'max-iterations',
  'out-of-tokens',
  'never',
  'cancelled',
  'vanish',
] as const

const count = z.number().int().min(0).max(100)

/** A field that makes no sense is left out: a prompt never makes the stand-in refuse it. */
const turnSchema = z.object({
  durationMs: z.number().min(0).optional().catch(undefined),
  result: z.string().optional().catch(undefined),
  output: z.json().optional().catch(undefined),
  outcome: z.enum(OUTCOMES).optional().catch(undefined),
  failures: count.optional().catch(undefined),
  report: z.enum(['completed', 'failed', 'none']).optional().catch(undefined),
  logs: z.array(z.string()).max(1000).optional().catch(undefined),
  pullRequests: count.optional().catch(undefined),
})
const scriptSchema = turnSchema.extend({
  /** What is different in each turn of the first attempt, the first turn included. */
  turns: z.array(turnSchema).max(100).optional().catch(undefined),
})

/** What a task's `simulate` asks of its agent; every field has a default by role. */
export type Script = z.infer<typeof scriptSchema>

const OPEN = '[simulate:'

/** The script of the last line `[simulate:<compact JSON>]` of a prompt, or undefined. */
export function readScript(prompt: string): Script | undefined {
  for (let from = prompt.length; from >= 0; ) {
    const start = prompt.lastIndexOf(OPEN, from)
    if (start === -1) return undefined
    if (start === 0 || prompt.charAt(start - 1) === '\n') return parseLine(lineAt(prompt, start))
    from = start - 1
  }
  return undefined
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start)
  return text.slice(start, end === -1 ? undefined : end).trimEnd()
}

function parseLine(line: string): Script | undefined {
  if (!line.endsWith(']')) return undefined
  try {
    return scriptSchema.safeParse(JSON.parse(line.slice(OPEN.length, -1))).data
  } catch {
    return undefined
  }
}
