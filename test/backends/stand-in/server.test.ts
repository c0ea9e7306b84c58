import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseFault, runStandIn, type StandInCommand } from '../../../src/cli/stand-in.ts'
import { DataFolderError, UsageError } from '../../../src/domain/errors.ts'
import { asObject, promptFor } from './stand-in-client.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stand-in-'))
})
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await rm(folder, { recursive: true, force: true })
})

const DEFAULTS: StandInCommand = { port: 0, seed: 1, speed: 1000, limits: {}, faults: {} }
const HEADERS = { authorization: 'Bearer token', 'content-type': 'application/json' }

async function start(options: Partial<StandInCommand> = {}) {
  const controller = new AbortController()
  const lines: string[] = []
  let served: Promise<void> = Promise.resolve()
  await new Promise<void>((resolve, reject) => {
    const stdout = (line: string) => {
      lines.push(line)
      resolve()
    }
    served = runStandIn({ ...DEFAULTS, ...options }, { stdout, signal: controller.signal })
    served.catch(reject)
  })
  const stop = () => {
    controller.abort()
    return served
  }
  stops.push(stop)
  return { url: /http:\S+$/.exec(lines[0] ?? '')?.[0] ?? '', lines, stop }
}

const create = (url: string, mark: string) =>
  fetch(`${url}/v1/organizations/1/agent/run`, {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify({ prompt: promptFor(mark) }),
  })
const creations = async (url: string) => asObject(await (await fetch(`${url}/_stand-in/creations`)).json())

describe('troupe stand-in', () => {
  it('says where it listens, answers there, and ends although a client holds on', async () => {
    const { url, lines, stop } = await start()
    const port = Number(url.split(':').at(-1))
    expect(lines).toEqual([`stand-in listening on http://127.0.0.1:${port}`])
    const holding = connect(port, '127.0.0.1')
    holding.on('error', () => {})
    await once(holding, 'connect')
    const answer = await create(url, 'run_a/a/1/1')
    expect([answer.status, asObject(await answer.json())['id'], await creations(url)]).toEqual([
      200,
      41001,
      { 'run_a/a/1': 1 },
    ])
    await stop()
    await expect(fetch(url)).rejects.toThrow(new TypeError('fetch failed'))
  })

  it.each([
    ['answer-lost', { 'run_a/a/1': 1 }],
    ['reset', {}],
  ])('breaks the connection for %s', async (fault, created) => {
    const { url } = await start({ faults: { [fault]: 1 } })
    await expect(create(url, 'run_a/a/1/1')).rejects.toThrow(new TypeError('fetch failed'))
    expect(await creations(url)).toEqual(created)
    await fetch(`${url}/_stand-in/faults`, { method: 'PUT', body: JSON.stringify({ [fault]: 0 }) })
    expect((await create(url, 'run_a/b/1/1')).status).toBe(200)
  })

  it('keeps its runs in the data folder and refuses one that another stand-in has', async () => {
    const first = await start({ dataDir: folder })
    await create(first.url, 'run_a/a/1/1')
    const refused = await start({ dataDir: folder }).catch((error: unknown) => error)
    expect(refused instanceof DataFolderError ? refused.code : refused).toBe('data-folder-locked')
    await first.stop()
    const second = await start({ dataDir: folder })
    await create(second.url, 'run_a/b/1/1')
    expect(await creations(second.url)).toEqual({ 'run_a/a/1': 1, 'run_a/b/1': 1 })
    await second.stop()
    expect(await readdir(join(folder, 'stand-in'))).toEqual(['runs.ndjson'])
  })

  it('takes limits and a quota', async () => {
    const { url } = await start({ limits: { create: 'none' }, quota: 11 })
    const statuses = []
    for (let i = 0; i < 12; i++) statuses.push((await create(url, `run_a/t${i}/1/1`)).status)
    expect(statuses).toEqual([...Array.from({ length: 11 }, () => 200), 402])
  })

  it('calls webhooks', async () => {
    const { url } = await start()
    const hook = createServer((_request, response) => response.end()).listen(0, '127.0.0.1')
    await once(hook, 'listening')
    const address = hook.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const called = once(hook, 'request')
    await fetch(`${url}/v1/organizations/1/webhooks/agent-run/test`, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify({ url: `http://127.0.0.1:${port}/hook` }),
    })
    const [request] = await called
    expect([request.method, request.url]).toEqual(['POST', '/hook'])
    hook.close()
    hook.closeAllConnections()
  })

  it('names what is wrong with a limit or a port', async () => {
    const limit = start({ limits: { creat: 'none' } })
    await expect(limit).rejects.toThrow(
      new UsageError(
        '--limit creat: the stand-in has no such limit. There are: create, standard, logs, setup, analyze, webhook-test, shared.',
      ),
    )
    const { url } = await start()
    const port = Number(url.split(':').at(-1))
    await expect(start({ port })).rejects.toThrow(
      new UsageError(
        `The stand-in cannot listen on 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}. ` +
          'Name another --port, or 0.',
      ),
    )
  })
})

describe('--fault', () => {
  it('takes a name and a probability', () => {
    expect([parseFault('answer-lost=0.05'), parseFault('slow=1')]).toEqual([{ 'answer-lost': 0.05 }, { slow: 1 }])
  })

  it.each([
    ['lag=1', "--fault lag=1: unknown fault 'lag'. There are: reset, error, slow, stale, answer-lost, garbage."],
    ['slow', '--fault slow: write a probability from 0 to 1, as in slow=0.05.'],
    ['slow=', '--fault slow=: write a probability from 0 to 1, as in slow=0.05.'],
    ['slow=2', '--fault slow=2: write a probability from 0 to 1, as in slow=0.05.'],
    ['slow=often', '--fault slow=often: write a probability from 0 to 1, as in slow=0.05.'],
  ])('refuses %s', (text, message) => {
    expect(() => parseFault(text)).toThrow(new UsageError(message))
  })
})
