import type { Json, JsonObject } from '../domain/json.ts'
import { Html, html, prose } from './html.ts'

const COMPONENT = '#/components/schemas/'

/** A JSON Schema for people: its type in a line, its properties below. */
export function schemaHtml(schema: JsonObject): Html {
  const properties = propertiesOf(schema)
  const alternatives = properties ? [] : alternativesOf(schema)
  return html`${properties ? propertyList(schema, properties) : undefined}${
    alternatives.some(propertiesOf)
      ? html`<p class="soft">One of:</p>${alternatives.map((one) => html`<dl><dt>${labelOf(one)}</dt><dd>${below(unmarked(one))}</dd></dl>`)}`
      : properties
        ? undefined
        : html`<p>${typeOf(schema)}</p>`
  }`
}

/** A type in a few words; a named one is a link. */
export function typeOf(schema: JsonObject): Html {
  const { $ref: ref, type, enum: values, const: only, format } = schema
  if (typeof ref === 'string' && ref.startsWith(COMPONENT)) {
    const id = ref.slice(COMPONENT.length)
    return html`<a href="#schema-${id}">${id}</a>`
  }
  if (only !== undefined) return html`<code>${JSON.stringify(only)}</code>`
  if (Array.isArray(values)) return joined(values.map((value) => html`<code>${JSON.stringify(value)}</code>`))
  if (type === 'array') return html`list of ${typeOf(objectOr(schema['items']))}`
  const alternatives = alternativesOf(schema)
  if (alternatives.length > 0 && !propertiesOf(schema)) return joined(alternatives.map(typeOf))
  const values_ = schema['additionalProperties']
  if (type === 'object' && isObject(values_)) return html`object of ${typeOf(values_)}`
  const name = Array.isArray(type) ? type.join(' or ') : typeof type === 'string' ? type : 'any JSON'
  return html`${name}${format === undefined ? '' : ` (${String(format)})`}${boundsOf(schema)}`
}

/** One of several alternatives by what tells it from the others: `"retry"`. */
function labelOf(schema: JsonObject): Html {
  const marks = Object.entries(propertiesOf(schema) ?? {}).flatMap(([name, value]) => {
    const mark = objectOr(value)['const']
    return mark === undefined ? [] : html`<code>${name}: ${JSON.stringify(mark)}</code> `
  })
  return marks.length === 0 ? typeOf(schema) : html`${marks}`
}

/** An alternative without the marks that its label has. */
function unmarked(schema: JsonObject): JsonObject {
  const properties = Object.entries(propertiesOf(schema) ?? {})
  const rest = properties.filter(([, value]) => objectOr(value)['const'] === undefined)
  return { ...schema, properties: Object.fromEntries(rest) }
}

function propertyList(schema: JsonObject, properties: JsonObject): Html {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const entries = Object.entries(properties).map(([name, value]) => {
    const property = objectOr(value)
    return html`<dt><code>${name}</code>${required.includes(name) ? '' : html` <span class="soft">optional</span>`}</dt>
<dd>${typeOf(property)}${wordsOf(property)}${below(property)}</dd>`
  })
  return html`<dl>${entries}</dl>`
}

/** What is inside a property that has no name of its own. */
function below(schema: JsonObject): Html | undefined {
  const properties = propertiesOf(schema)
  if (properties) return html`${wordsBelow(schema)}${propertyList(schema, properties)}`
  for (const inner of [schema['items'], schema['additionalProperties']]) {
    if (isObject(inner) && inner['$ref'] === undefined) return below(inner)
  }
  const parts = alternativesOf(schema).flatMap((one) => below(one) ?? [])
  return parts.length === 0 ? wordsBelow(schema) : html`${parts}`
}

function wordsBelow({ description }: JsonObject): Html | undefined {
  return typeof description === 'string' ? html`<p class="soft">${prose(description)}</p>` : undefined
}

function wordsOf({ description, default: otherwise, ...schema }: JsonObject): Html | undefined {
  if (typeof description !== 'string' || propertiesOf(schema)) return undefined
  return html`. ${prose(description)}`
}

function boundsOf({ minimum, maximum, maxLength, pattern }: JsonObject): string {
  const parts = [
    minimum === undefined ? '' : `from ${minimum}`,
    maximum === undefined ? '' : `to ${maximum}`,
    maxLength === undefined ? '' : `at most ${maxLength} characters`,
    typeof pattern === 'string' && pattern.length < 40 ? `matching ${pattern}` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : `, ${parts.join(' ')}`
}

function propertiesOf({ properties }: JsonObject): JsonObject | undefined {
  return isObject(properties) && Object.keys(properties).length > 0 ? properties : undefined
}

function alternativesOf({ anyOf, oneOf }: JsonObject): readonly JsonObject[] {
  const given = anyOf ?? oneOf
  return Array.isArray(given) ? given.filter(isObject) : []
}

function joined(parts: readonly Html[]): Html {
  return new Html(parts.map(({ text }) => text).join(' or '))
}

function objectOr(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
