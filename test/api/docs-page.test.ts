import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { docsPage } from '../../src/api/docs-page.ts'
import { ERROR_CODES } from '../../src/api/errors.ts'
import { html, prose } from '../../src/api/html.ts'
import { componentSchemas } from '../../src/api/openapi.ts'
import { DOCUMENTED } from '../../src/api/operations.ts'
import { serveApi } from '../support/api-fixture.ts'

const page = docsPage('1.2.3').html

describe('the page of the API', () => {
  it('tells of every operation, schema and code', () => {
    const missing = [
      ...DOCUMENTED.flatMap(([id, { path, summary }]) => [`id="${id}"`, `<code>${path}</code>`, summary]),
      ...Object.keys(componentSchemas()).map((id) => `id="schema-${id}"`),
      ...Object.keys(ERROR_CODES).map((code) => `<dt><code>${code}</code>`),
      'troupe.v1',
      'caught-up',
      'resync',
    ].filter((text) => !page.includes(text))
    expect(missing).toEqual([])
  })

  it('links only to itself and to the document', () => {
    const ids = new Set([...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => `#${id}`))
    const links = new Set([...page.matchAll(/\shref="([^"]+)"/g)].map(([, link]) => link ?? ''))
    expect([...links].filter((link) => !ids.has(link))).toEqual(['openapi.json'])
    expect(page.match(/\sid="/g)).toHaveLength(ids.size)
  })

  it('needs no script and nothing from elsewhere, and its policy allows nothing but its style', async () => {
    const { headers, body } = await serveApi().ask('GET', '/docs')
    expect(body).toBe(page)
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    expect(page.match(/<script|<link|<img|<iframe|\sstyle=|\son\w+=|https?:|@import|url\(/g)).toBeNull()
  })

  it('is fit for small screens and for the dark', () => {
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">')
    expect(page).toContain('@media (prefers-color-scheme: dark)')
    expect(page).toContain('@media (max-width: 50rem)')
  })

  it('escapes what it is given', () => {
    expect(docsPage('<b>"1"').html).toContain('Version &#60;b&#62;&#34;1&#34;')
    expect(html`<p>${['<i>', prose('a `<b>` & c')]}</p>`.text).toBe(
      '<p>&#60;i&#62;a <code>&#60;b&#62;</code> &#38; c</p>',
    )
  })
})
