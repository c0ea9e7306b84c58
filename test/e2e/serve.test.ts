import { readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { WebSocket } from 'ws'
import type { RunRecord } from '../../src/domain/record.ts'
import {
  type Command,
  createdOnce,
  inTerminal,
  range,
  recordsOf,
  resultOf,
  storedCreations,
  type Terminal,
} from './command-line.ts'

const DEFAULTS = 'defaults: { repository: acme/shop, retry: { attempts: 1 } }'
/** Long enough that a server can be ended in the middle of it. */
const STEPS = `
name: steps
${DEFAULTS}
tasks:
  first: { prompt: Begin, simulate: { duration: 100ms, result: Begun. } }
  second: { prompt: Go on, needs: [first], simulate: { duration: 4s, result: Gone on. } }
  third: { prompt: End, needs: [second], simulate: { duration: 100ms, result: Ended. } }
`
const SLOW = `
name: slow
${DEFAULTS}
tasks: { only: { prompt: Take your time, simulate: { duration: 10m, result: Done. } } }
`
const SHORT = `
name: short
${DEFAULTS}
tasks: { only: { prompt: Be quick, simulate: { duration: 20ms, result: Done. } } }
`
const TASKS = ['first', 'second', 'third']

interface Serving {
  readonly command: Command
  readonly url: string
}

async function serve(terminal: Terminal, dataDir: string, args: readonly string[] = [], env = {}): Promise<Serving> {
  const command = terminal.start(['serve', '--port', '0', '--data-dir', dataDir, ...args], env)
  const [, url = ''] = await command.saw(/^troupe serve listening on (\S+)\n/)
  return { command, url }
}

async function post(url: string, workflow: string): Promise<string> {
  const body = JSON.stringify({ workflow })
  const answer = await fetch(`${url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const { run } = (await answer.json()) as { run: string }
  expect([answer.status, run]).toEqual([201, expect.stringMatching(/^run_/)])
  return run
}

/** A subscription to all runs, as anybody writes it. */
class Follower {
  readonly records: RunRecord[] = []
  cursor: string
  readonly closed: Promise<number>
  readonly #socket: WebSocket
  readonly #waiters = new Set<() => void>()

  constructor(url: string, after: string) {
    this.cursor = after
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, 'troupe.v1')
    this.#socket.on('open', () => this.#socket.send(JSON.stringify({ type: 'subscribe', id: 's', runs: ['*'], after })))
    this.#socket.on('error', () => undefined)
    this.#socket.on('message', (data) => this.#hear(JSON.parse(String(data))))
    // A server that ends, as each does after its test, ends the connection too.
    this.closed = new Promise((resolve) => this.#socket.on('close', resolve))
  }

  saw(fits: (record: RunRecord) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.records.some(fits)) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  sawState(task: string, to: string): Promise<void> {
    return this.saw((record) => record.actor.id === task && record.to === to)
  }

  #hear(message: { readonly cursor?: string; readonly records?: readonly RunRecord[] }): void {
    this.cursor = message.cursor ?? this.cursor
    this.records.push(...(message.records ?? []))
    for (const look of [...this.#waiters]) look()
  }
}

/** Ends a server in the middle of a run, starts it again, and follows with the cursor that came last. */
async function interrupted(terminal: Terminal, signal: 'SIGTERM' | 'SIGKILL') {
  const dataDir = await terminal.folder()
  const before = await serve(terminal, dataDir)
  const early = new Follower(before.url, 'start')
  const run = await post(before.url, STEPS)
  await early.sawState('second', 'running')
  before.command.signal(signal)
  const ended = await before.command.ended
  const closed = await early.closed
  const after = await serve(terminal, dataDir)
  const late = new Follower(after.url, early.cursor)
  await late.sawState('supervisor', 'completed')
  const seqs = [...early.records, ...late.records].map(({ seq }) => seq)
  const records = await terminal.records(run, dataDir)
  expect(seqs).toEqual(range(1, records.length))
  expect(await storedCreations(dataDir)).toEqual(createdOnce(run, TASKS))
  expect(after.command.stdout).toContain(`Resumed: ${run}\n`)
  return { ended, closed }
}

describe.concurrent('a server that ends in the middle of a run', () => {
  inTerminal(
    'by SIGTERM: says goodbye and exits 0; the next one adopts its agents, and a cursor goes on without a gap',
    async ({ terminal }) => {
      const { ended, closed } = await interrupted(terminal, 'SIGTERM')
      expect([ended.code, ended.signal, closed]).toEqual([0, null, 1001])
    },
  )

  inTerminal('by kill -9: the next one does the same', async ({ terminal }) => {
    const { ended, closed } = await interrupted(terminal, 'SIGKILL')
    expect([ended.signal, closed]).toEqual(['SIGKILL', 1006])
  })

  inTerminal('exits 0 though a client takes nothing and another waits for an outcome', async ({ terminal }) => {
    const { command, url } = await serve(terminal, await terminal.folder())
    const run = await post(url, SLOW)
    const { port } = new URL(url)
    const silent = connect(Number(port), '127.0.0.1')
    silent.on('error', () => undefined)
    silent.pause()
    const key =
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: troupe.v1'
    silent.write(
      `GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
    )
    const waiting = fetch(`${url}/v1/runs/${run}/outcome`).then(async (answer) => [answer.status, await answer.json()])
    await new Follower(url, 'start').sawState('only', 'running')
    command.signal('SIGTERM')
    expect(await waiting).toMatchObject([503, { code: 'stopping' }])
    expect((await command.ended).code).toEqual(0)
  })
})

describe.concurrent('a server and other terminals', () => {
  inTerminal('run, show and cancel go through the server by themselves', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const { command, url } = await serve(terminal, dataDir)
    const follower = new Follower(url, 'start')
    const [short, slow] = await Promise.all([terminal.workflow(SHORT), terminal.workflow(SLOW)])

    const first = await terminal.troupe(['run', short, '--data-dir', dataDir, '--json'])
    expect([first.code, resultOf(first.stdout).status]).toEqual([0, 'completed'])
    expect(first.stderr).toContain(`Process ${command.child.pid} holds ${dataDir}`)
    const records = recordsOf(first.stdout)
    expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
    await follower.saw(({ run, seq }) => run === records[0]?.run && seq === records.length)
    expect(follower.records.filter(({ run }) => run === records[0]?.run)).toEqual(records)

    const second = terminal.start(['run', slow, '--data-dir', dataDir])
    await second.saw(/only creating -> running/)
    const run = await second.run()
    const shown = await terminal.show(run, dataDir)
    const served = await (await fetch(`${url}/v1/runs/${run}`)).json()
    expect([shown.status, served]).toEqual(['running', shown])
    const cancelled = await terminal.troupe(['cancel', run, '--data-dir', dataDir])
    expect([cancelled.code, cancelled.stdout]).toEqual([0, `${run}: cancelled\n`])
    expect((await second.ended).code).toEqual(1)
    await follower.saw((record) => record.run === run && record.to === 'cancelled')
  })

  inTerminal('goes on when the runs that came from another terminal have ended', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const { command, url } = await serve(terminal, dataDir)
    await terminal.troupe(['run', await terminal.workflow(SHORT), '--data-dir', dataDir])
    expect((await fetch(`${url}/readyz`)).status).toEqual(200)
    expect(command.child.exitCode).toEqual(null)
  })

  inTerminal('a second server of the folder, or on the port, ends with 2 and says why', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const { url } = await serve(terminal, dataDir)
    const { port } = new URL(url)
    const [folder, taken] = await Promise.all([
      terminal.troupe(['serve', '--port', '0', '--data-dir', dataDir]),
      terminal.troupe(['serve', '--port', port, '--data-dir', await terminal.folder()]),
    ])
    expect([folder.code, folder.stdout, taken.code, taken.stdout]).toEqual([2, '', 2, ''])
    expect(folder.stderr).toMatch(new RegExp(`^troupe: Another troupe holds ${dataDir} `))
    expect(taken.stderr).toMatch(
      new RegExp(`^troupe: Cannot listen on 127\\.0\\.0\\.1:${port}: another process listens`),
    )
  })
})

describe.concurrent('troupe serve as a process', () => {
  inTerminal('logs JSON lines to standard error, without any token, and audits commands', async ({ terminal }) => {
    const token = 'a-token-that-nobody-may-see'
    const env = { TROUPE_TOKEN: token }
    const { command, url } = await serve(terminal, await terminal.folder(), ['--log-level', 'debug'], env)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ workflow: SLOW })
    const started = await fetch(`${url}/v1/runs`, { method: 'POST', headers, body })
    const { run } = (await started.json()) as { run: string }
    await fetch(`${url}/v1/runs?token=${token}`)
    await fetch(`${url}/v1/runs/${run}/commands`, { method: 'POST', headers, body: '{"type":"pause"}' })
    command.signal('SIGTERM')
    const { code, stdout, stderr } = await command.ended
    const lines = stderr.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    expect([code, stdout.includes(token), stderr.includes(token)]).toEqual([0, false, false])
    expect(lines.filter(({ audit }) => audit !== undefined)).toMatchObject([
      { audit: 'request', who: 'token', method: 'POST', path: '/v1/runs', status: 201, run },
      { audit: 'command', who: 'token', via: 'rest', run, command: 'pause', outcome: 'taken', seq: expect.any(Number) },
    ])
  })

  inTerminal('starts named files of its folder, and nothing outside it', async ({ terminal }) => {
    const workflows = await terminal.folder()
    await writeFile(join(workflows, 'short.yaml'), SHORT)
    const { url } = await serve(terminal, await terminal.folder(), ['--workflows', workflows])
    const start = (file: string) =>
      fetch(`${url}/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ file }),
      })
    const statuses = [await start('short.yaml'), await start('../short.yaml'), await start('/etc/passwd')]
    expect(statuses.map(({ status }) => status)).toEqual([201, 404, 404])
  })

  inTerminal('begins though a run of its folder is damaged, and carries the others', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const before = await serve(terminal, dataDir)
    const follower = new Follower(before.url, 'start')
    const [bad, good] = [await post(before.url, SLOW), await post(before.url, SLOW)]
    await follower.saw(({ run, to }) => run === good && to === 'running')
    before.command.signal('SIGKILL')
    await before.command.ended
    expect(await readdir(join(dataDir, 'runs', bad))).toContain('workflow.json')
    await writeFile(join(dataDir, 'runs', bad, 'workflow.json'), '{"v":1,')
    const { command, url } = await serve(terminal, dataDir)
    expect(command.stdout).toContain(`Resumed: ${good}\n`)
    const [first = ''] = await command.saw(/\{.*could not be restored.*\}/, 'stderr')
    expect(JSON.parse(first)).toMatchObject({ level: 'error', run: bad, err: { code: 'data-folder-damaged' } })
    expect(await (await fetch(`${url}/v1/runs/${good}`)).json()).toMatchObject({ status: 'running' })
  })
})
