import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRoutes } from '../../src/api/routes.ts'
import { createRunAdmission } from '../../src/api/run-admission.ts'
import { createRunViews } from '../../src/api/run-views.ts'
import { type Answer, outcomeOf, RUN, serveApi } from '../support/api-fixture.ts'
import { FakeOrchestrator, runView, taskView } from '../support/fake-orchestrator.ts'

const COMMANDS = `/v1/runs/${RUN}/commands`
const JSON_TYPE = { 'content-type': 'application/json' }

const messageOf = ({ body }: Answer) => String((body as { message: unknown }).message)

describe('a body', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"'])(
    'is read as %s',
    async (type) => {
      const { ask } = serveApi()
      const answer = await ask('POST', COMMANDS, { body: '{"type":"pause"}', headers: { 'content-type': type } })
      expect(answer.status).toBe(200)
    },
  )

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=latin1',
    'application/jsonx',
  ])('is refused as %s, which a page of another site could send', async (type) => {
    const { ask, orchestrator } = serveApi()
    const answer = await ask('POST', COMMANDS, { body: '{"type":"pause"}', headers: { 'content-type': type } })
    expect(outcomeOf(answer)).toEqual([415, 'media-type'])
    expect(orchestrator.calls).toEqual([])
  })

  it('is refused compressed', async () => {
    const { ask } = serveApi()
    const answer = await ask('POST', COMMANDS, { body: 'x', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } })
    expect(outcomeOf(answer)).toEqual([415, 'media-type'])
  })

  it.each([
    ['', 'empty'],
    [' \n', 'empty'],
    ['no json', 'line 1, column 1'],
    ['{"type":\n "pause",}', 'line 2, column 10'],
    ['{"type":"pause"', 'line 1, column 16'],
    ['{"type":"pau\u0001se"}', 'line 1, column 13'],
    ['[1 2]', 'line 1, column 4'],
    ['{"a":01}', 'line 1, column 6'],
    ['{"a":"\\x"}', 'line 1, column 7'],
    ['{"a":1} x', 'line 1, column 9'],
    ['"open', 'line 1, column 6'],
    ['['.repeat(100_000), 'line 1, column 257'],
    [`${'{"a":'.repeat(300)}1${'}'.repeat(300)}`, 'nested more than 256 levels deep'],
  ])('is refused when it is %j', async (body, words) => {
    const { ask } = serveApi()
    const answer = await ask('POST', COMMANDS, { body, headers: JSON_TYPE })
    expect(outcomeOf(answer)).toEqual([400, 'usage'])
    expect(messageOf(answer)).toContain(words)
  })

  it('is refused when it is not UTF-8', async () => {
    const { ask } = serveApi()
    const answer = await ask('POST', COMMANDS, { body: new Uint8Array([0x22, 0xff, 0x22]), headers: JSON_TYPE })
    expect(messageOf(answer)).toBe('The body is not UTF-8.')
  })

  it.each([
    '{"type":"pause","__proto__":{"x":1}}',
    '{"type":"pause","\\u005f_proto__":{"x":1}}',
    '[{"a":{"__proto__":1}}]',
  ])('cannot reach a prototype: %s', async (body) => {
    const { ask } = serveApi()
    const answer = await ask('POST', COMMANDS, { body, headers: JSON_TYPE })
    expect(outcomeOf(answer)).toEqual([400, 'usage'])
    expect(messageOf(answer)).toContain('__proto__')
    expect('x' in {}).toBe(false)
  })

  it('may say __proto__ as a text, and a key twice: the last counts', async () => {
    const { ask, orchestrator } = serveApi()
    orchestrator.change(RUN, { tasks: [taskView({ task: 'spec', state: 'running', commands: ['complete'] })] })
    const body = '{"type":"retry","type":"complete","result":"__proto__ \\u005f"}'
    const answer = await ask('POST', `/v1/runs/${RUN}/tasks/spec/commands`, { body, headers: JSON_TYPE })
    expect(answer.status).toBe(200)
    expect(orchestrator.calls).toEqual([
      ['commandTask', RUN, 'spec', { type: 'complete', result: '__proto__ _' }, { via: 'rest', who: 'ada' }],
    ])
  })

  it('is refused when it is too large, by its own word or while it comes, and no more of it is read', async () => {
    const { ask } = serveApi({ maxBody: 1000 })
    let sent = 0
    const endless = new ReadableStream({
      pull(controller) {
        sent++
        controller.enqueue(new Uint8Array(100))
      },
    })
    expect(outcomeOf(await ask('POST', COMMANDS, { body: endless, headers: JSON_TYPE }))).toEqual([413, 'too-large'])
    expect(sent).toBeLessThan(20)
    const announced = { body: '{}', headers: { ...JSON_TYPE, 'content-length': '1001' } }
    expect(outcomeOf(await ask('POST', COMMANDS, announced))).toEqual([413, 'too-large'])
  })

  it('that quotes a great deal is answered with little', async () => {
    const { ask } = serveApi()
    const answer = await ask('POST', COMMANDS, { json: { type: 'pause', ['x'.repeat(100_000)]: 1 } })
    expect(messageOf(answer).length).toBeLessThan(3000)
  })
})

describe('a path', () => {
  it.each(['/', '/v1', '/v1/', '/v2/runs', '/v1/runs/', '/v1/runs/run_1/nothing', '/v1//runs', '/V1/runs'])(
    '%s that is not there is answered with 404',
    async (path) => {
      expect(outcomeOf(await serveApi().ask('GET', path))).toEqual([404, 'not-found'])
    },
  )

  it.each(['/v1/runs/%', '/v1/runs/%E0%A4%A', '/v1/runs/run_1/tasks/%ff', '/%'])(
    '%s with broken percent-encoding is a mistake of the asker',
    async (path) => {
      const api = serveApi()
      expect(outcomeOf(await api.ask('GET', path))).toEqual([400, 'usage'])
      expect(api.errors).toEqual([])
    },
  )

  it.each([
    '..%2F..%2Fetc',
    '%00',
    'run_1%2F..',
    '__proto__',
    'constructor',
    `run_${'x'.repeat(100)}`,
    '%2e%2e',
    'run_1%20',
  ])('with the run %s names none', async (run) => {
    const { ask } = serveApi()
    expect(outcomeOf(await ask('GET', `/v1/runs/${run}/records`))).toEqual([404, 'not-found'])
    expect(outcomeOf(await ask('DELETE', `/v1/runs/${run}`))).toEqual([404, 'not-found'])
  })

  it.each([
    ['PUT', '/v1/runs', 'GET, HEAD, POST'],
    ['DELETE', '/v1/runs', 'GET, HEAD, POST'],
    ['OPTIONS', '/v1/runs', 'GET, HEAD, POST'],
    ['POST', `/v1/runs/${RUN}`, 'DELETE, GET, HEAD'],
    ['PATCH', `/v1/runs/${RUN}/tasks/spec`, 'GET, HEAD'],
    ['GET', `/v1/runs/${RUN}/commands`, 'POST'],
    ['HEAD', `/v1/runs/${RUN}/commands`, 'POST'],
    ['POST', '/docs', 'GET, HEAD'],
  ])('asked with %s %s says what it takes', async (method, path, allow) => {
    const answer = await serveApi().ask(method, path)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
    if (method !== 'HEAD') expect(outcomeOf(answer)).toEqual([405, 'method-not-allowed'])
  })

  it('of the stream asks for a WebSocket', async () => {
    const answer = await serveApi().ask('GET', '/v1/stream')
    expect([...outcomeOf(answer), answer.headers.get('upgrade')]).toEqual([426, 'upgrade-required', 'websocket'])
  })
})

describe('what goes wrong inside', () => {
  it('is told to the log, and to the asker only that it happened', async () => {
    const api = serveApi()
    const fault = new TypeError('secret of /home/x')
    api.orchestrator.limits = () => {
      throw fault
    }
    const answer = await api.ask('GET', '/v1/backends')
    expect([answer.status, answer.body]).toEqual([
      500,
      { code: 'internal', message: 'Something inside troupe failed.', details: {} },
    ])
    expect(api.errors).toEqual([fault])
  })
})

describe('over a real socket', () => {
  it('whoever sends too much, or leaves in between, hinders nobody', async () => {
    const orchestrator = new FakeOrchestrator()
    orchestrator.add(runView({ run: RUN, commands: ['pause'] }))
    const errors: unknown[] = []
    const routes = createRoutes({
      orchestrator,
      views: createRunViews(orchestrator, orchestrator.reader()),
      admission: createRunAdmission(),
      closing: new AbortController().signal,
      trusted: false,
      version: '1.2.3',
      maxBody: 100_000,
      onError: (error) => errors.push(error),
    })
    const server = createServer(getRequestListener(routes.fetch, { overrideGlobalObjects: false }))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.closeAllConnections())
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const post = (body: (send: (text: string) => void, leave: () => void) => void) =>
      new Promise<number | string>((resolve) => {
        const options = { port, host: '127.0.0.1', method: 'POST', path: COMMANDS, headers: JSON_TYPE, agent: false }
        const outgoing = request(options, (incoming) => {
          incoming.resume()
          resolve(incoming.statusCode ?? 0)
          outgoing.destroy()
        })
        outgoing.on('error', () => resolve('left'))
        body(
          (text) => outgoing.write(text),
          () => outgoing.destroy(),
        )
      })
    const arrived = new Promise((resolve) => server.once('request', resolve))
    const left = post((send, leave) => {
      send('{"type":')
      void arrived.then(leave)
    })
    expect(await left).toBe('left')
    expect(await post((send) => send('x'.repeat(500_000)))).toBe(413)
    const small = new Promise<number>((resolve) => {
      const options = { port, host: '127.0.0.1', method: 'POST', path: COMMANDS, headers: JSON_TYPE, agent: false }
      request(options, (incoming) => resolve(incoming.resume().statusCode ?? 0)).end('{"type":"pause"}')
    })
    expect(await small).toBe(200)
    expect(errors).toEqual([])
  })
})
