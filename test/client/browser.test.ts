import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { cursorAfter } from '../../src/api/cursor.ts'
import * as browser from '../../src/client/browser.ts'
import * as node from '../../src/client/index.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createLog } from '../../src/server/log.ts'
import { serve } from '../../src/server.ts'
import { FakeOrchestrator, record, runView } from '../support/fake-orchestrator.ts'
import { type Script, serveScript } from '../support/scripted-server.ts'

const SRC = resolve(import.meta.dirname, '../../src')

/** The imports of a module that are there when it runs. */
function runtimeImports(file: string): string[] {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
  const found = text.matchAll(
    /(?:^|\n)(?:import|export)\s(?!type\s)(?:([^'"]*?)\sfrom\s)?'([^']+)'|import\('([^']+)'\)/g,
  )
  return [...found].flatMap(([, names = '', target, dynamic]) => {
    const parts = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1]?.split(',')
    const onlyTypes = parts?.every((part) => part.trim() === '' || part.trim().startsWith('type ')) === true
    const module = target ?? dynamic
    return onlyTypes || module === undefined ? [] : [module]
  })
}

/** Everything that is loaded with a module: files of src and, by their names, libraries. */
function loadedWith(entry: string): { readonly files: readonly string[]; readonly libraries: readonly string[] } {
  const files = new Set<string>()
  const libraries = new Set<string>()
  const visit = (file: string) => {
    if (files.has(file)) return
    files.add(file)
    for (const target of runtimeImports(join(SRC, file))) {
      if (target.startsWith('.')) visit(join(dirname(file), target))
      else libraries.add(target)
    }
  }
  visit(entry)
  return { files: [...files], libraries: [...libraries] }
}

/** A client as a page has it; `ws` stands for the WebSocket of the browser. */
async function inPage(token: string | undefined, script: Script = {}) {
  const server = await serveScript(script)
  const clock = createVirtualClock()
  const options = { url: server.url, clock, WebSocket, ...(token === undefined ? {} : { token }) }
  return { server, clock, client: browser.createClient(options) }
}

const firstOf = (watching: browser.Watching) => watching[Symbol.asyncIterator]().next()

describe('the client for browsers', () => {
  it('loads nothing of Node and no library', () => {
    const { files, libraries } = loadedWith('client/browser.ts')
    expect(files.filter((file) => !existsSync(join(SRC, file)))).toEqual([])
    expect(files.length).toBeGreaterThan(10)
    expect(libraries).toEqual([])
    const ofNode = files.filter((file) =>
      /\b(Buffer|process|setImmediate|__dirname)\b[.(]/.test(readFileSync(join(SRC, file), 'utf8')),
    )
    expect(ofNode).toEqual([])
  })

  it('is found to load ws where it does', () => {
    expect(loadedWith('client/index.ts').libraries).toEqual(['ws'])
  })

  it('exports the same values as the client for Node', () => {
    expect(Object.keys(browser).sort()).toEqual([
      'ApiError',
      'BackendError',
      'CommandRefusedError',
      'DataFolderError',
      'IdempotencyConflictError',
      'NoAnswerError',
      'NotFoundError',
      'TroupeError',
      'UsageError',
      'WorkflowError',
      'createClient',
    ])
    expect(Object.keys(node).sort()).toEqual(Object.keys(browser).sort())
  })

  it('opens the stream without a ticket where it has no token', async () => {
    const { server, client } = await inPage(undefined)
    const watching = client.watch({ runs: ['run_1'], after: 'start' })
    const connection = await server.connection(1)
    connection.records((await connection.until('subscribe')).id, cursorAfter('run_1', 1), [record('run_1', 1)])
    expect(await firstOf(watching)).toEqual({ value: record('run_1', 1), done: false })
    expect(connection.request.headers['sec-websocket-protocol']).toBe('troupe.v1')
    watching.close()
  })

  it('shows a new ticket for its token each time it opens the stream', async () => {
    const bought: unknown[] = []
    const { server, client, clock } = await inPage('secret', {
      onRequest: (request, response) => {
        bought.push([request.method, request.url, request.headers.authorization])
        response.writeHead(201).end(JSON.stringify({ ticket: `t${bought.length}`, expiresAt: '' }))
      },
    })
    let delay = 0
    const lost = new Promise<void>((resolve) => {
      const onDisconnect = ({ retryInMs }: { readonly retryInMs: number }) => {
        delay = retryInMs
        resolve()
      }
      client.subscribe({ runs: '*' }, { onRecords: () => undefined, onDisconnect })
    })
    const first = await server.connection(1)
    first.cut()
    await lost
    await clock.advance(delay)
    const second = await server.connection(2)
    const shown = [first, second].map(({ request }) => request.headers['sec-websocket-protocol'])
    expect(shown).toEqual(['troupe.v1,troupe.ticket.t1', 'troupe.v1,troupe.ticket.t2'])
    expect([first, second].map(({ request }) => [request.url, request.headers.authorization])).toEqual([
      ['/v1/stream', undefined],
      ['/v1/stream', undefined],
    ])
    expect(bought).toEqual([
      ['POST', '/v1/tickets', 'Bearer secret'],
      ['POST', '/v1/tickets', 'Bearer secret'],
    ])
  })

  it.each([
    ['a page', browser.createClient, { WebSocket }],
    ['Node', node.createClient, {}],
  ] as const)('is let in to a real server with its token, and with no other, from %s', async (_where, create, more) => {
    const orchestrator = new FakeOrchestrator()
    const token = 'a-token-of-this-test'
    const log = createLog({ level: 'error', write: () => undefined })
    const tokens = [{ name: 'page', token, access: 'watch' }] as const
    const { url, close } = await serve(orchestrator, { port: 0, tokens, log })
    onTestFinished(close)
    orchestrator.add(runView({ run: 'run_1' }))
    orchestrator.append('run_1', 2)
    const good = create({ url, token, ...more })
    const watching = good.watch({ runs: ['run_1'], after: 'start' })
    expect(await firstOf(watching)).toEqual({ value: record('run_1', 1), done: false })
    watching.close()
    const refused = (promise: Promise<unknown>) => promise.catch((error: unknown) => error)
    expect(await refused(good.command('run_1', { type: 'pause' }))).toMatchObject({ code: 'forbidden' })
    const bad = create({ url, token: 'another-token-altogether', ...more })
    expect(await refused(bad.runs())).toMatchObject({ code: 'unauthorized' })
    expect(await refused(firstOf(bad.watch({ runs: '*' })))).toMatchObject({ code: 'unauthorized' })
  })

  it('is told why when its token is not accepted', async () => {
    const error = { code: 'unauthorized', message: 'The token is not known here.', details: {} }
    const { client } = await inPage('wrong', {
      onRequest: (_request, response) => response.writeHead(401).end(JSON.stringify(error)),
    })
    const refused = await firstOf(client.watch({ runs: '*' })).catch((thrown: unknown) => thrown)
    expect(refused).toEqual(new browser.ApiError('unauthorized', 'The token is not known here.'))
  })

  it('finds out why the stream is refused although a browser does not say', async () => {
    const error = { code: 'unauthorized', message: 'A token is needed.', details: {} }
    const { client } = await inPage(undefined, {
      refuse: () => ({ status: 401, code: 'unauthorized' }),
      onRequest: (_request, response) => response.writeHead(401).end(JSON.stringify(error)),
    })
    const refused = await firstOf(client.watch({ runs: '*' })).catch((thrown: unknown) => thrown)
    expect(refused).toEqual(new browser.ApiError('unauthorized', 'A token is needed.'))
  })
})
