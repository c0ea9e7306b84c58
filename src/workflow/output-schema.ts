import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Json, JsonObject } from '../domain/json.ts'

const SHOWN = 5
const MAX_CACHED = 5000

const options: Options = {
  strict: false,
  allErrors: true,
  validateFormats: false,
  logger: false,
}

type Compiled = { readonly validate: ValidateFunction } | { readonly mistake: string }

let draft7: Ajv | undefined
let draft2020: Ajv2020 | undefined
const bySchema = new WeakMap<JsonObject, Compiled>()
const byText = new Map<string, Compiled>()

/** Why a schema cannot be used, or undefined when it can. */
export function checkSchema(schema: JsonObject): string | undefined {
  const compiled = compile(schema)
  return 'mistake' in compiled ? compiled.mistake : undefined
}

/** What is wrong with a value, by place (`output.tasks[2] must be object`), or undefined when it fits the schema. */
export function checkOutput(schema: JsonObject, value: Json): string | undefined {
  const compiled = compile(schema)
  if ('mistake' in compiled) return compiled.mistake
  const { validate } = compiled
  if (validate(value)) return undefined
  const errors = validate.errors ?? []
  const lines = errors.slice(0, SHOWN).map(explain)
  if (errors.length > SHOWN) lines.push(`and ${errors.length - SHOWN} more`)
  return lines.join('; ')
}

/** Equal schemas are compiled once: a compilation takes about a millisecond. */
function compile(schema: JsonObject): Compiled {
  const known = bySchema.get(schema)
  if (known !== undefined) return known
  const text = JSON.stringify(schema)
  let compiled = byText.get(text)
  if (compiled === undefined) {
    compiled = compileText(text)
    if (byText.size >= MAX_CACHED) byText.clear()
    byText.set(text, compiled)
  }
  bySchema.set(schema, compiled)
  return compiled
}

function compileText(text: string): Compiled {
  const schema: JsonObject = JSON.parse(text)
  if (schema['$async'] === true) return { mistake: 'is not a valid JSON Schema: $async is not supported' }
  if (String(schema['$id'] ?? '').includes('json-schema.org')) {
    return { mistake: 'is not a valid JSON Schema: its $id belongs to JSON Schema itself' }
  }
  const ajv = String(schema['$schema'] ?? '').includes('2020-12') ? ajv2020() : ajv7()
  try {
    return { validate: ajv.compile(schema) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const [first = ''] = message.replace(/^schema is invalid: (data\/)?/, '').split(', ')
    return { mistake: `is not a valid JSON Schema: ${first}` }
  } finally {
    // The instance would keep every schema, and refuse a second one with the same $id.
    ajv.removeSchema(schema)
  }
}

function ajv7(): Ajv {
  draft7 ??= new Ajv(options)
  return draft7
}

function ajv2020(): Ajv2020 {
  draft2020 ??= new Ajv2020(options)
  return draft2020
}

function explain(error: ErrorObject): string {
  const place = `output${error.instancePath.replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')}`
  const allowed = 'allowedValues' in error.params ? `: ${JSON.stringify(error.params['allowedValues'])}` : ''
  const extra = 'additionalProperty' in error.params ? ` ('${error.params['additionalProperty']}')` : ''
  return `${place} ${error.message ?? 'does not fit the schema'}${allowed}${extra}`
}
