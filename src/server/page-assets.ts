import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Hono } from 'hono'

/** A page and all that it consists of. */
export interface PageOptions {
  /** Where the page is; what belongs to it is below. */
  readonly path: string
  /** File of the page itself. */
  readonly page: string
  /** Files that it may ask for; there are no others. */
  readonly assets: readonly string[]
  /** What the browser is to allow the page. */
  readonly policy: string
}

interface Asset {
  readonly body: string
  readonly tag: string
  readonly type: string
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
}

/** Serves a page from memory: its files are read here, once, and no path of a request ever reaches the disk. */
export function servePage({ path, page, assets, policy }: PageOptions): Hono {
  const app = new Hono()
  const serve = (route: string, file: string) => {
    const { body, tag, type } = readAsset(file)
    const headers = {
      etag: tag,
      // A new version of troupe brings new pages; until then they need not be sent again.
      'cache-control': 'no-cache',
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    }
    app.get(route, (c) => {
      const known = c.req.header('if-none-match')?.split(',') ?? []
      if (known.some((candidate) => candidate.trim().replace(/^W\//, '') === tag)) return c.body(null, 304, headers)
      return c.body(body, 200, { ...headers, 'content-type': type })
    })
  }
  serve(path, page)
  for (const file of assets) serve(`${path}/${file}`, file)
  return app
}

function readAsset(file: string): Asset {
  const body = readFileSync(new URL(`./assets/${file}`, import.meta.url), 'utf8')
  const digest = createHash('sha256').update(body).digest('base64url')
  return { body, tag: `"${digest}"`, type: TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'text/plain' }
}
