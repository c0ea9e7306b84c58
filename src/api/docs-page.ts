import { createHash } from 'node:crypto'
import type { JsonObject } from '../domain/json.ts'
import { schemaHtml, typeOf } from './docs-schema.ts'
import { DOCS_STYLE } from './docs-style.ts'
import { ERROR_CODES } from './errors.ts'
import { Html, html, prose } from './html.ts'
import { COMMON_CODES, componentId, componentSchemas, errorsOf, PARAMETERS, queryParameters, TAGS } from './openapi.ts'
import type { AnswerSpec, HeaderSpec, Operation } from './operation.ts'
import { DOCUMENTED } from './operations.ts'
import { INTRODUCTION, type Prose, RECORDS_PROSE } from './prose.ts'

/** A page and the policy that a browser should enforce on it. */
export interface DocsPage {
  readonly html: string
  readonly policy: string
}

/** The API for people, made from the table of operations. It needs nothing else, neither script nor network. */
export function docsPage(version: string): DocsPage {
  const schemas = componentSchemas()
  const style = createHash('sha256').update(DOCS_STYLE).digest('base64')
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>troupe API ${version}</title>
<style>${new Html(DOCS_STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<div class="layout">
<header>
<h1>troupe API</h1>
<p class="soft">Version ${version} · <a href="openapi.json">OpenAPI document</a></p>
</header>
${navigation(schemas)}
<main id="main">
${INTRODUCTION.map(proseHtml)}
${Object.entries(TAGS).map(([tag, words]) => chapter(tag, words))}
<h2 id="errors">Errors</h2>
<p>Each is an <a href="#schema-Error">Error</a>. Every operation may answer ${COMMON_CODES.map((code) => html`<code>${code}</code> `)}</p>
<dl>${Object.entries(ERROR_CODES).map(
    ([code, { status, means }]) => html`<dt><code>${code}</code> ${status}</dt><dd>${prose(means)}</dd>`,
  )}</dl>
<h2 id="schemas">Schemas</h2>
${Object.entries(schemas).map(
  ([id, schema]) => html`<section class="schema" id="schema-${id}"><h3>${id}</h3>${schemaHtml(schema)}</section>`,
)}
</main>
</div>
</body>
</html>
`
  const policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return { html: linked(page.text, Object.keys(schemas)), policy }
}

/** Where a schema is named, a click leads to it. */
function linked(text: string, ids: readonly string[]): string {
  const known = new Set(ids)
  return text.replace(/<code>(\w+)<\/code>/g, (code, id: string) =>
    known.has(id) ? `<a href="#schema-${id}">${code}</a>` : code,
  )
}

function navigation(schemas: Readonly<Record<string, JsonObject>>): Html {
  const tags = Object.keys(TAGS).map(
    (tag) =>
      html`<strong>${tag}</strong><ul>${operationsOf(tag).map(
        ([id, { summary }]) => html`<li><a href="#${id}">${summary}</a></li>`,
      )}</ul>`,
  )
  return html`<nav aria-label="Contents">${tags}<strong>Reference</strong><ul>
<li><a href="#errors">Errors</a></li><li><a href="#schemas">Schemas (${Object.keys(schemas).length})</a></li>
</ul></nav>`
}

function chapter(tag: string, words: string): Html {
  return html`<h2 id="tag-${tag}">${tag}</h2>
${tag === 'Stream' ? RECORDS_PROSE.map(proseHtml) : html`<p>${prose(words)}</p>`}
${operationsOf(tag).map(([id, operation]) => operationHtml(id, operation))}`
}

function operationsOf(tag: string): readonly (readonly [string, Operation])[] {
  return DOCUMENTED.filter(([, operation]) => operation.tag === tag)
}

const ACCESS = {
  anyone: 'Needs no token.',
  watch: 'Any token.',
  command: 'A token that may command.',
} as const satisfies Record<Operation['may'], string>

function operationHtml(id: string, operation: Operation): Html {
  const { method, path, summary, description, may } = operation
  return html`<section class="operation" id="${id}" aria-labelledby="${id}-title">
<h3 id="${id}-title">${summary}</h3>
<p class="route"><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code> <span class="soft">${ACCESS[may]}</span></p>
${description === undefined ? undefined : html`<p>${prose(description)}</p>`}
${parametersHtml(operation)}
${bodyHtml(operation)}
<h4>Answers</h4>
<dl>${Object.entries(operation.answers).map(answerHtml)}</dl>
${errorsHtml(operation)}
</section>`
}

/** Those that other operations do not have; the rest is said once for all. */
function errorsHtml(operation: Operation): Html {
  const own = [...errorsOf(operation)].flatMap(([status, codes]) =>
    codes.filter((code) => !COMMON_CODES.includes(code)).map((code) => html`${status} <code>${code}</code>, `),
  )
  return html`<h4>Errors</h4><p>${own}<a href="#errors">what every operation may answer</a></p>`
}

function parametersHtml(operation: Operation): Html | undefined {
  const inPath = Object.entries(PARAMETERS)
    .filter(([name]) => operation.path.includes(`{${name}}`))
    .map(([name, { description, example }]) =>
      parameter(name, 'path', html`${prose(description)} <code>${example}</code>`),
    )
  const inQuery = queryParameters(operation).map(({ name, description, schema }) =>
    parameter(name, 'query', html`${typeOf(schema)}. ${prose(description)}`),
  )
  const specs: readonly [string, HeaderSpec][] = Object.entries(operation.headers ?? {})
  const inHeader = specs.map(([name, { description }]) => parameter(name, 'header', prose(description)))
  const all = [...inPath, ...inQuery, ...inHeader]
  return all.length === 0 ? undefined : html`<h4>Parameters</h4><dl>${all}</dl>`
}

function parameter(name: string, place: string, words: Html): Html {
  return html`<dt><code>${name}</code> <span class="soft">${place}</span></dt><dd>${words}</dd>`
}

function bodyHtml({ body, examples = {} }: Operation): Html | undefined {
  if (!body) return undefined
  const id = componentId(body)
  return html`<h4>Body</h4><p><a href="#schema-${id}">${id}</a>, as <code>application/json</code></p>
${Object.values(examples).map((example) => sample(JSON.stringify(example, null, 2)))}`
}

function answerHtml([status, { description, schema, mediaType, headers, example }]: [string, AnswerSpec]): Html {
  const what = schema ? componentLink(schema) : mediaType === undefined ? undefined : html`<code>${mediaType}</code>`
  const named = Object.entries(headers ?? {}).map(
    ([name, words]) => html`<br><span class="soft">Header <code>${name}</code>: ${prose(words)}</span>`,
  )
  return html`<dt>${status}</dt><dd>${what} ${prose(description)}${named}${
    example === undefined ? undefined : sample(JSON.stringify(example, null, 2))
  }</dd>`
}

function componentLink(schema: NonNullable<AnswerSpec['schema']>): Html {
  const id = componentId(schema)
  return html`<a href="#schema-${id}">${id}</a>.`
}

function proseHtml(piece: Prose): Html {
  if ('text' in piece) return html`<p>${prose(piece.text)}</p>`
  if ('list' in piece) return html`<ul>${piece.list.map((item) => html`<li>${prose(item)}</li>`)}</ul>`
  return sample(piece.sample)
}

/** Scrolls sideways by itself, also with the keyboard. */
function sample(text: string): Html {
  return html`<pre tabindex="0">${text}</pre>`
}
