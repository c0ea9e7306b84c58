import { z } from 'zod'
import type { PullRequest } from '../../domain/report.ts'

/** An agent run as the API tells of it. All text is data from outside. */
export interface CodegenRun {
  readonly id: string
  readonly organizationId: string | null
  /** A free string; null where the API gave none. */
  readonly status: string | null
  /** ms. */
  readonly createdAt: number | null
  readonly url: string | null
  readonly result: string | null
  readonly summary: string | null
  readonly pullRequests: readonly PullRequest[]
  /** The object that was sent on create, if the API gives it back; else null. */
  readonly metadata: Readonly<Record<string, unknown>> | null
}

/** One entry of an agent run's log, uncut. */
export interface CodegenLog {
  readonly createdAt: number | null
  readonly type: string
  readonly tool: string | null
  readonly thought: string
  readonly observation: string
  readonly toolInput: string
  readonly toolOutput: string
}

const DATE = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?\s*(?:(Z)|([+-]\d{2}):?(\d{2})?)?$/i

/** Milliseconds of a date as the API writes it: ISO 8601, or `2025-06-21 11:20:04.338398`, which is UTC. Null if it is none. */
export function parseCodegenDate(text: string): number | null {
  const match = DATE.exec(text.trim())
  if (match === null) return null
  const [, day = '', time = '', fraction = '', , hours, minutes = '00'] = match
  const zone = hours === undefined ? 'Z' : `${hours}:${minutes}`
  const ms = Date.parse(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`)
  return Number.isNaN(ms) ? null : ms
}

/** Leniently checked parts of answers, for all schemas of the API. */
export const anything = z.unknown().optional()
export const id = z.union([z.number().int(), z.string().min(1)]).transform(String)
export const nullableText = anything.transform((value) => (typeof value === 'string' ? value : null))
const anyText = anything.transform(printed)
const date = anything.transform((value) => (typeof value === 'string' ? parseCodegenDate(value) : null))
export const link = anything.transform(httpUrl)
export const count = anything.transform((value) => (Number.isSafeInteger(value) ? Number(value) : null))
const metadata = anything.transform((value) => (isRecord(value) ? value : null))
const pullRequests = anything.transform((value) =>
  Array.isArray(value) ? value.filter(isRecord).map(pullRequest) : [],
)

/** Checks what a run must have, and makes the rest null where it is missing or of another kind. */
export const runSchema = z
  .object({
    id,
    organization_id: id.nullish().catch(null),
    status: nullableText,
    created_at: date,
    web_url: link,
    result: anything.transform((value) => (value === null || value === undefined ? null : printed(value))),
    summary: nullableText,
    github_pull_requests: pullRequests,
    metadata,
  })
  .transform(
    (run): CodegenRun => ({
      id: run.id,
      organizationId: run.organization_id ?? null,
      status: run.status,
      createdAt: run.created_at,
      url: run.web_url,
      result: run.result,
      summary: run.summary,
      pullRequests: run.github_pull_requests,
      metadata: run.metadata,
    }),
  )

const logSchema = z
  .object({
    created_at: date,
    message_type: nullableText,
    tool_name: nullableText,
    thought: anyText,
    observation: anyText,
    tool_input: anyText,
    tool_output: anyText,
  })
  .transform(
    (log): CodegenLog => ({
      createdAt: log.created_at,
      type: log.message_type ?? 'UNKNOWN',
      tool: log.tool_name,
      thought: log.thought,
      observation: log.observation,
      toolInput: log.tool_input,
      toolOutput: log.tool_output,
    }),
  )

/** A page of runs, newest first. */
export const runPageSchema = z.object({ items: z.array(runSchema), total: count })

/** A page of an agent run's log. */
export const logPageSchema = z
  .object({ logs: z.array(logSchema), total_logs: count })
  .transform((page) => ({ items: page.logs, total: page.total_logs }))

/** The answer to a request that only has something done: nothing in it counts. */
export const doneSchema = z.unknown()

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function printed(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Anything but a web address could run code where it is shown as a link; one with a space or a control character is none. */
function httpUrl(value: unknown): string | null {
  if (typeof value !== 'string' || /[\s\p{C}]/u.test(value) || !URL.canParse(value)) return null
  const { protocol } = new URL(value)
  return protocol === 'https:' || protocol === 'http:' ? value : null
}

function pullRequest(value: Readonly<Record<string, unknown>>): PullRequest {
  const url = httpUrl(value['url'])
  const title = value['title']
  const branch = value['head_branch_name']
  return {
    ...(url === null ? {} : { url }),
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof branch === 'string' ? { branch } : {}),
  }
}
