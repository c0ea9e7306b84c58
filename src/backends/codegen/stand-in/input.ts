import type { Context } from 'hono'
import { z } from 'zod'
import { type InvalidInput, invalid } from './errors.ts'

const jsonObject = z.record(z.string(), z.json())
const images = z.array(z.string()).nullish()
const webhooks = z.array(z.object({ url: z.string(), secret: z.string().nullish() })).nullish()
const url = z.url().min(1).max(2083)

/** Bodies of the operations, as the OpenAPI file has them; unknown keys are ignored. */
export const createBody = z.object({
  prompt: z.string(),
  images,
  metadata: jsonObject.nullish(),
  repo_id: z.int().nullish(),
  model: z.string().nullish(),
  agent_type: z.enum(['codegen', 'claude_code']).nullish(),
  webhooks,
})
export const resumeBody = z.object({
  agent_run_id: z.int(),
  prompt: z.string(),
  images,
  model: z.string().nullish(),
  webhooks,
})
export const stopBody = z.object({
  agent_run_id: z.int(),
  before_card_order_id: z.string().nullish(),
  after_card_order_id: z.string().nullish(),
})
export const setupBody = z.object({
  repo_id: z.int(),
  prompt: z.string().nullish(),
  trigger_source: z.string().default('setup-commands'),
})
export const webhookBody = z.object({ url, secret: z.string().nullish(), enabled: z.boolean().default(true) })
export const webhookTestBody = z.object({ url })

/** The request's body; throws a 422 that names every mistake. */
export async function readBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text()
  if (text === '') throw invalid([{ loc: ['body'], msg: 'Field required', type: 'missing' }])
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw invalid([{ loc: ['body', 0], msg: 'JSON decode error', type: 'json_invalid' }])
  }
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.map((issue) => toInvalidInput(issue, body)))
}

/** A whole number of the path; throws a 422. */
export function pathInteger(c: Context, name: string): number {
  return integer(c.req.param(name) ?? '', ['path', name])
}

/** A whole number of the query; throws a 422. */
export function queryInteger(
  c: Context,
  name: string,
  bounds: { min?: number; max?: number } = {},
): number | undefined {
  const text = c.req.query(name)
  if (text === undefined) return undefined
  const loc = ['query', name]
  const value = integer(text, loc)
  if (bounds.min !== undefined && value < bounds.min) {
    throw invalid([{ loc, msg: `Input should be greater than or equal to ${bounds.min}`, type: 'greater_than_equal' }])
  }
  if (bounds.max !== undefined && value > bounds.max) {
    throw invalid([{ loc, msg: `Input should be less than or equal to ${bounds.max}`, type: 'less_than_equal' }])
  }
  return value
}

/** A yes or no of the query, in FastAPI's words; throws a 422. */
export function queryFlag(c: Context, name: string): boolean {
  const text = c.req.query(name)?.toLowerCase()
  if (text === undefined || ['false', '0', 'off', 'no', 'f', 'n'].includes(text)) return false
  if (['true', '1', 'on', 'yes', 't', 'y'].includes(text)) return true
  const msg = 'Input should be a valid boolean, unable to interpret input'
  throw invalid([{ loc: ['query', name], msg, type: 'bool_parsing' }])
}

/** `skip` and `limit` of a list. */
export function readPaging(c: Context): { skip: number; limit: number } {
  return {
    skip: queryInteger(c, 'skip', { min: 0 }) ?? 0,
    limit: queryInteger(c, 'limit', { min: 1, max: 100 }) ?? 100,
  }
}

/** A page in the API's form. */
export function pageOf<T>(items: readonly T[], total: number, { skip, limit }: { skip: number; limit: number }) {
  return { items, total, page: Math.floor(skip / limit) + 1, size: limit, pages: Math.ceil(total / limit) }
}

function integer(text: string, loc: readonly string[]): number {
  const value = Number(text)
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(value)) return value
  const msg = 'Input should be a valid integer, unable to parse string as an integer'
  throw invalid([{ loc, msg, type: 'int_parsing' }])
}

const TYPE_WORDS: Readonly<Record<string, readonly [word: string, type: string]>> = {
  string: ['string', 'string_type'],
  int: ['integer', 'int_type'],
  number: ['integer', 'int_type'],
  boolean: ['boolean', 'bool_type'],
  array: ['list', 'list_type'],
  object: ['dictionary', 'dict_type'],
  record: ['dictionary', 'dict_type'],
}

function toInvalidInput(issue: z.core.$ZodIssue, body: unknown): InvalidInput {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  const loc = ['body', ...path]
  if (issue.code === 'invalid_value') {
    const words = issue.values.map((value) => `'${String(value)}'`)
    return { loc, msg: `Input should be ${words.join(' or ')}`, type: 'literal_error' }
  }
  if (issue.code !== 'invalid_type') return { loc, msg: issue.message, type: 'value_error' }
  if (path.length > 0 && valueAt(body, path) === undefined) return { loc, msg: 'Field required', type: 'missing' }
  const [word, type] = TYPE_WORDS[issue.expected] ?? ['value', 'value_error']
  return { loc, msg: `Input should be a valid ${word}`, type }
}

function valueAt(body: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, step)?.value : undefined,
    body,
  )
}
