import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { openApiDocument } from '../../src/api/openapi.ts'
import type { Json, JsonObject } from '../../src/domain/json.ts'

const DOCUMENT = 'troupe:openapi'
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

interface DocumentedAnswer {
  readonly content?: Readonly<Record<string, { readonly schema: JsonObject }>>
  readonly headers?: Readonly<Record<string, unknown>>
}

interface DocumentedOperation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, DocumentedAnswer>>
}

/** An operation of the document with what it takes to recognise a request for it. */
interface Route extends DocumentedOperation {
  readonly method: string
  readonly path: RegExp
}

const document = JSON.parse(JSON.stringify(openApiDocument('1.2.3')))
const routes = routesOf(document.paths)
const ajv = new Ajv2020({ strict: false, formats: { 'date-time': INSTANT }, allErrors: true })
// What the document leaves open for newer servers would hide what it does not know: here nothing may be added.
ajv.addSchema({ $id: DOCUMENT, components: closed(document.components) })

/** The document that is served, as what its own answers are held against. */
export class ApiContract {
  /** Ids of the operations that were answered with success. */
  readonly answered = new Set<string>()

  get operations(): readonly string[] {
    return routes.map(({ operationId }) => operationId)
  }

  /** Throws when an answer is not what the document says of that operation. */
  async check(method: string, url: string, response: Response): Promise<void> {
    const { pathname } = new URL(url)
    const asked = method === 'HEAD' ? 'get' : method.toLowerCase()
    const route = routes.find((candidate) => candidate.method === asked && candidate.path.test(pathname))
    const at = `${method} ${pathname} -> ${response.status}`
    if (!route) {
      if (![400, 404, 405].includes(response.status)) throw new Error(`${at}: there is no such operation`)
      return this.#checkBody(at, { $ref: `${DOCUMENT}#/components/schemas/Error` }, await bodyOf(method, response))
    }
    const documented = route.responses[String(response.status)]
    if (!documented) throw new Error(`${at}: the document does not know this status`)
    for (const name of Object.keys(documented.headers ?? {})) {
      if (!response.headers.has(name)) throw new Error(`${at}: the header ${name} is missing`)
    }
    if (response.status < 400) this.answered.add(route.operationId)
    if (!documented.content) return
    const type = response.headers.get('content-type') ?? ''
    const content = documented.content[type]
    if (!content) throw new Error(`${at}: the document does not know the type ${type}`)
    if (type === 'application/json') this.#checkBody(at, absolute(content.schema), await bodyOf(method, response))
  }

  /** Whether a value fits a schema of the document; the complaints when it does not. */
  complaints(id: string, value: unknown): string | undefined {
    return this.#complain({ $ref: `${DOCUMENT}#/components/schemas/${id}` }, value)
  }

  #checkBody(at: string, schema: JsonObject, body: unknown): void {
    const complaint = body === undefined ? undefined : this.#complain(schema, body)
    if (complaint !== undefined) throw new Error(`${at}: ${complaint}`)
  }

  #complain(schema: JsonObject, value: unknown): string | undefined {
    const fits: ValidateFunction = ajv.compile(schema)
    return fits(value) ? undefined : ajv.errorsText(fits.errors)
  }
}

function routesOf(paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>): readonly Route[] {
  // A path without parameters is the better match.
  const sorted = Object.entries(paths).sort(([a], [b]) => a.split('{').length - b.split('{').length)
  return sorted.flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      ...operation,
      method,
      path: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    })),
  )
}

async function bodyOf(method: string, response: Response): Promise<unknown> {
  return method === 'HEAD' ? undefined : JSON.parse(await response.clone().text())
}

function absolute(schema: JsonObject): JsonObject {
  const { $ref: ref } = schema
  return typeof ref === 'string' ? { $ref: `${DOCUMENT}${ref}` } : schema
}

function closed(value: Json): Json {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const inside = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, inner === undefined ? null : closed(inner)]),
  )
  const open = inside['type'] === 'object' && 'properties' in inside && !('additionalProperties' in inside)
  return open ? { ...inside, additionalProperties: false } : inside
}
