import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { machineRoutes } from '../../src/server/machine-pages.ts'

const ASSETS = new URL('../../src/server/assets/', import.meta.url)
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const routes = machineRoutes()
const read = (file: string) => readFileSync(new URL(file, ASSETS), 'utf8')
const files = readdirSync(ASSETS)

describe('the page of the machines', () => {
  it('is an HTML page with a policy that lets it reach nothing but its own server', async () => {
    const page = await routes.request('/machines')
    expect([page.status, page.headers.get('content-type'), page.headers.get('content-security-policy')]).toEqual([
      200,
      'text/html; charset=utf-8',
      POLICY,
    ])
  })

  it.each([
    ['/machines/machines.js', 'text/javascript; charset=utf-8'],
    ['/machines/pages.css', 'text/css; charset=utf-8'],
    ['/machines/agent.chart.json', 'application/json'],
  ])('comes with %s', async (path, type) => {
    const answer = await routes.request(path)
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-security-policy')]).toEqual([
      200,
      type,
      POLICY,
    ])
  })

  it('serves whatever its scripts ask for', async () => {
    const asked = new Set<string>()
    const visit = (file: string) => {
      if (asked.has(file)) return
      asked.add(file)
      const text = read(file)
      for (const [, found = ''] of text.matchAll(/(?:from '\.\/|"\/machines\/)([\w.-]+\.(?:js|css))/g)) visit(found)
    }
    visit('machines.html')
    asked.delete('machines.html')
    for (const machine of ['agent', 'manager', 'planner', 'supervisor']) asked.add(`${machine}.chart.json`)
    const missing: string[] = []
    for (const file of asked) if ((await routes.request(`/machines/${file}`)).status !== 200) missing.push(file)
    expect([missing, asked.size]).toEqual([[], 14])
  })

  it('need not be sent again to whoever has it', async () => {
    const first = await routes.request('/machines/machines.js')
    const tag = first.headers.get('etag') ?? ''
    const again = await routes.request('/machines/machines.js', { headers: { 'if-none-match': `"old", W/${tag}` } })
    expect([again.status, await again.text(), again.headers.get('etag'), first.headers.get('cache-control')]).toEqual([
      304,
      '',
      tag,
      'no-cache',
    ])
  })

  it.each([
    '/machines/',
    '/machines/inspect.html',
    '/machines/nothing.js',
    '/machines/..%2f..%2f..%2fpackage.json',
    '/machines/%2e%2e/machine-pages.ts',
    '/machines/machines.js/../../server.ts',
    '/machines/machines.js%00',
    '/machines//machines.js',
  ])('answers %s with 404: no path of a request reaches the disk', async (path) => {
    expect((await routes.request(path)).status).toEqual(404)
  })
})

describe('what the pages consist of', () => {
  it('names no other site but the hosted inspector, and holds no script or style in the page', () => {
    const wrong: string[] = []
    for (const file of files) {
      const text = read(file)
      for (const [url] of text.matchAll(/https?:\/\/[\w./-]+/g)) {
        const known = ['https://stately.ai/inspect', 'http://www.w3.org/2000/svg']
        if (!known.includes(url)) wrong.push(`${file}: ${url}`)
      }
      if (/\sstyle=|\son\w+="|<script(?![^>]*\ssrc=)|<style/.test(file.endsWith('.html') ? text : '')) wrong.push(file)
    }
    expect(wrong).toEqual([])
  })

  it('puts whatever comes from outside into the page as text', () => {
    const risky = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/
    expect(files.filter((file) => risky.test(read(file)))).toEqual([])
  })
})
