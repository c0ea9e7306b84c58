import { z } from 'zod'
import type { Json, JsonObject } from '../domain/json.ts'
import { ERROR_CODES, type ErrorCode } from './errors.ts'
import type { AnswerSpec, HeaderSpec, Operation } from './operation.ts'
import { DOCUMENTED } from './operations.ts'
import { INTRODUCTION, RECORDS_PROSE, toMarkdown } from './prose.ts'
import { components } from './schemas/component.ts'
import { errorBody } from './schemas/errors.ts'
import './schemas/stream.ts'

/** What the parts of a path are. */
export const PARAMETERS = {
  run: { description: 'Id of a run.', example: 'run_06f2r0m5e8q1w7xk3d' },
  task: { description: 'Id of a task; `execute.0` or `execute[0]` for an item of a forEach.', example: 'spec' },
} as const

/** The chapters, in their order. */
export const TAGS = {
  Runs: 'Start, watch, command and remove runs.',
  Tasks: 'The tasks of a run: where each is, why, and what one can do.',
  Stream: toMarkdown(RECORDS_PROSE),
  Server: 'The server itself.',
} as const

const FOLDER_CODES = Object.keys(ERROR_CODES).filter((code) => code.startsWith('data-folder-')) as ErrorCode[]

/** The API as an OpenAPI 3.1 document; made from the table of operations and the schemas that check requests. */
export function openApiDocument(version: string) {
  const paths: Record<string, Record<string, JsonObject>> = {}
  for (const [id, operation] of DOCUMENTED) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(id, operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'troupe',
      version,
      description: toMarkdown(INTRODUCTION),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: componentSchemas(),
    },
  }
}

/** The named schemas as JSON Schema (draft 2020-12), by their id; they refer to each other as in the document. */
export function componentSchemas(): Readonly<Record<string, JsonObject>> {
  const { schemas } = z.toJSONSchema(components, { ...CONVERSION, uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $id: _id, $schema: _dialect, ...schema }]) => [id, schema as JsonObject]),
  )
}

/** The parameters of an operation's query: name, description, JSON Schema. */
export function queryParameters({
  query,
}: Operation): readonly { name: string; description: string; schema: JsonObject }[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { $schema: _dialect, description = '', ...rest } = z.toJSONSchema(schema as z.ZodType, CONVERSION)
    return { name, description, schema: rest as JsonObject }
  })
}

/** Codes that may answer anybody, and whoever needs a token. */
const ANYWHERE: readonly ErrorCode[] = ['usage', 'wrong-host', 'internal']
const BEHIND_TOKENS: readonly ErrorCode[] = [
  'unauthorized',
  'forbidden',
  'too-many-attempts',
  'stopping',
  ...FOLDER_CODES,
]
/** Codes that are not said again for each operation. */
export const COMMON_CODES: readonly ErrorCode[] = [...ANYWHERE, ...BEHIND_TOKENS]

/** The codes that may answer an operation, by their status, ascending. */
export function errorsOf(operation: Operation): ReadonlyMap<number, readonly ErrorCode[]> {
  const codes = new Set<ErrorCode>([
    ...ANYWHERE,
    ...(operation.may === 'anyone' ? [] : BEHIND_TOKENS),
    ...(operation.path.includes('{') ? (['not-found'] as const) : []),
    ...(operation.body ? (['media-type', 'too-large'] as const) : []),
    ...(operation.errors ?? []),
  ])
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const { status } = ERROR_CODES[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b))
}

/** The id of a schema that every body and every answer has. */
export function componentId(schema: z.ZodType): string {
  const id = components.get(schema)?.id
  if (id === undefined) throw new TypeError('A schema of an operation is no component of the document')
  return id
}

const CONVERSION = {
  // As it travels: nothing is transformed, and what a newer server adds is allowed.
  io: 'input',
  unrepresentable: 'any',
  override: ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    const { propertyNames } = jsonSchema
    if (typeof propertyNames === 'object' && Object.keys(propertyNames).join() === 'type')
      delete jsonSchema.propertyNames
  },
} as const satisfies z.core.ToJSONSchemaParams

function describeOperation(operationId: string, operation: Operation): JsonObject {
  const { summary, description, tag, may, body, examples, answers } = operation
  const words = [description, may === 'command' ? 'Not for tokens that may only read.' : undefined]
  const all = words.filter((text) => text !== undefined).join(' ')
  const parameters = describeParameters(operation)
  return {
    operationId,
    tags: [tag],
    summary,
    ...(all === '' ? {} : { description: all }),
    ...(may === 'anyone' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: jsonContent(body, examples) } }),
    responses: Object.fromEntries([
      ...Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)]),
      ...[...errorsOf(operation)].map(([status, codes]) => [String(status), describeErrors(codes)]),
    ]),
  }
}

function describeParameters(operation: Operation): JsonObject[] {
  const inPath = [...operation.path.matchAll(/\{(run|task)\}/g)].map(([, name]) => {
    const { description, example } = PARAMETERS[name === 'run' ? 'run' : 'task']
    return { name: name ?? '', in: 'path', required: true, description, schema: { type: 'string' }, example }
  })
  const inQuery = queryParameters(operation).map(({ schema, ...rest }) => ({
    ...rest,
    in: 'query',
    // Where it is not said otherwise, a list is one text with commas.
    ...(schema['type'] === 'array' ? { style: 'form', explode: operation.queryBy === 'handler' } : {}),
    schema,
  }))
  const headers: readonly [string, HeaderSpec][] = Object.entries(operation.headers ?? {})
  const inHeader = headers.map(([name, { description, pattern }]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string', ...(pattern === undefined ? {} : { pattern }) },
  }))
  return [...inPath, ...inQuery, ...inHeader]
}

function describeAnswer({ description, schema, mediaType, headers, example }: AnswerSpec): JsonObject {
  const content = schema
    ? jsonContent(schema, example === undefined ? undefined : { example })
    : mediaType && { [mediaType]: { schema: { type: mediaType === 'application/json' ? 'object' : 'string' } } }
  return {
    description,
    ...(content ? { content } : {}),
    ...(headers ? { headers: mapValues(headers, (text) => ({ description: text, schema: { type: 'string' } })) } : {}),
  }
}

function describeErrors(codes: readonly ErrorCode[]): JsonObject {
  const description = codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].means}`).join('\n\n')
  return { description, content: jsonContent(errorBody) }
}

function jsonContent(schema: z.ZodType, examples?: Readonly<Record<string, Json>>): JsonObject {
  return {
    'application/json': {
      schema: { $ref: `#/components/schemas/${componentId(schema)}` },
      ...(examples ? { examples: mapValues(examples, (value) => ({ value })) } : {}),
    },
  }
}

function mapValues<T, U>(given: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, map(value)]))
}
