import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect } from 'vitest'
import { createdOnce, inTerminal, range, recordsOf, resultOf } from './command-line.ts'

const PARALLEL = `
name: parallel
defaults: { repository: acme/shop, retry: { attempts: 3, delay: 100ms } }
tasks:
  one: { prompt: Do one, simulate: { duration: 100ms, result: One. } }
  two: { prompt: Do two, simulate: { duration: 100ms, result: Two. } }
  three: { prompt: Do three, simulate: { duration: 100ms, result: Three. } }
  four: { prompt: Do four, needs: [one, two, three], simulate: { duration: 100ms, result: Four. } }
`
const TOKEN = 'sk-secret-token-of-the-test'

/** A server that answers everything alike and counts what it was asked. */
async function refusing(status: number, refuses: (path: string) => boolean = () => true) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const refused = refuses(request.url ?? '')
    response.writeHead(refused ? status : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(refused ? { message: 'Not for you' } : { items: [{ id: 7, name: 'Ours' }], total: 1 }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${port}`, asked, close }
}

const TASKS = ['first', 'left', 'middle', 'right', 'last']
const WORKFLOW = `
name: faulty
defaults: { repository: acme/shop, retry: { attempts: 1 } }
manager: { prompt: Watch them, reportEvery: 1s, simulate: { duration: 200ms, result: Noted. } }
tasks:
  first: { prompt: Begin, simulate: { duration: 500ms, result: Begun. } }
  left: { prompt: Left, needs: [first], simulate: { duration: 500ms, result: Left. } }
  middle: { prompt: Middle, needs: [first], simulate: { duration: 700ms, result: Middle. } }
  right: { prompt: Right, needs: [first], simulate: { duration: 900ms, result: Right. } }
  last: { prompt: "End: {{ tasks.left.result }}", needs: [left, middle, right], simulate: { duration: 500ms } }
`

describe.concurrent('a server that fails', () => {
  for (const [name, seed, faults] of [
    ['loses answers, or garbles them, after it has done what was asked', 1, { 'answer-lost': 0.4, garbage: 0.1 }],
    ['answers with errors and breaks connections', 2, { error: 0.15, reset: 0.1 }],
    ['answers with what was a while ago', 3, { stale: 0.5 }],
    ['does what it likes, and slowly', 4, { 'answer-lost': 0.1, error: 0.1, reset: 0.05, garbage: 0.1, slow: 0.02 }],
  ] as const) {
    inTerminal(`${name}: the run completes, each agent created once`, async ({ terminal }) => {
      const standIn = await terminal.standIn(['--limit', 'create=none', '--seed', String(seed)])
      await standIn.setFaults(faults)
      const file = await terminal.workflow(WORKFLOW)
      const flags = ['--backend', 'codegen', '--grace', '1s', '--limit', 'codegen.create=none', '--json']
      const { code, stdout } = await terminal.troupe(
        ['run', file, ...flags, '--data-dir', await terminal.folder()],
        standIn.env,
      )
      const { run, status, standIn: played, tasks } = resultOf(stdout)
      expect([code, status, played]).toEqual([0, 'completed', false])
      const agents = tasks.filter(({ task }) => task !== 'manager')
      expect(agents.map(({ task, state, attempts }) => [task, state, attempts])).toEqual(
        TASKS.map((task) => [task, 'completed', 1]),
      )
      const { [`${run}/manager/1`]: managers, ...created } = await standIn.creations()
      expect([created, managers ?? 1]).toEqual([createdOnce(run, TASKS), 1])
      expect(Object.values(await standIn.turns()).filter((count) => count !== 1)).toEqual([])
      const records = recordsOf(stdout)
      expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
    })
  }
})

describe.concurrent('an account that refuses', () => {
  inTerminal(
    '401: ends with 2 after one clear line that names CODEGEN_API_TOKEN, and few requests',
    async ({ terminal, onTestFinished }) => {
      const server = await refusing(401)
      onTestFinished(server.close)
      const dataDir = await terminal.folder()
      const file = await terminal.workflow(PARALLEL)
      const env = { CODEGEN_API_BASE_URL: server.url, CODEGEN_API_TOKEN: TOKEN }
      const { code, stdout, stderr } = await terminal.troupe(['run', file, '--data-dir', dataDir, '--json'], env)
      const { run, status, standIn, tasks } = resultOf(stdout)
      expect([code, status, standIn]).toEqual([2, 'paused', false])
      expect(tasks.map(({ task, state, url }) => [task, state, url])).toEqual([
        ['one', 'pending', null],
        ['two', 'pending', null],
        ['three', 'pending', null],
        ['four', 'waiting', null],
      ])
      expect(stderr).toMatch(
        new RegExp(
          `^${run}: Codegen could not .*: the token was refused \\(401\\)\\. Set CODEGEN_API_TOKEN to a valid token\\.\n$`,
        ),
      )
      expect(server.asked.length).toBeLessThanOrEqual(4)
      expect(recordsOf(stdout).filter(({ type }) => type === 'alert')).toHaveLength(1)
      expect(stdout + stderr).not.toContain(TOKEN)
    },
  )

  inTerminal('403: ends with 2 and names CODEGEN_ORG_ID', async ({ terminal, onTestFinished }) => {
    const server = await refusing(403, (path) => path.includes('/organizations/'))
    onTestFinished(server.close)
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(PARALLEL)
    const env = { CODEGEN_API_BASE_URL: server.url, CODEGEN_API_TOKEN: TOKEN }
    const { code, stdout, stderr } = await terminal.troupe(['run', file, '--data-dir', dataDir], env)
    expect([code, stderr]).toEqual([2, ''])
    expect(stdout).toMatch(/\(403\)\. Set CODEGEN_ORG_ID to an organization that it may use/)
    expect(server.asked.length).toBeLessThanOrEqual(6)
  })

  inTerminal(
    '401 in the middle: what runs cannot be seen any more, so it ends with 2, and resume completes',
    async ({ terminal, onTestFinished }) => {
      const standIn = await terminal.standIn(['--limit', 'create=none'])
      let refuses = false
      const proxy = createServer((request, response) => {
        void (async () => {
          if (refuses) {
            response.writeHead(401, { 'content-type': 'application/json' })
            return response.end('{"message":"Token revoked"}')
          }
          const chunks: Buffer[] = []
          for await (const chunk of request) chunks.push(chunk as Buffer)
          const answer = await fetch(`${standIn.url}${request.url}`, {
            method: request.method ?? 'GET',
            headers: { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' },
            ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
          })
          response.writeHead(answer.status, { 'content-type': 'application/json' })
          return response.end(await answer.text())
        })()
      })
      proxy.listen(0, '127.0.0.1')
      await once(proxy, 'listening')
      onTestFinished(() => {
        proxy.closeAllConnections()
        proxy.close()
      })
      const dataDir = await terminal.folder()
      const file = await terminal.workflow(PARALLEL.replace('duration: 100ms', 'duration: 3s'))
      const env = { CODEGEN_API_BASE_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }
      const command = terminal.start(['run', file, '--data-dir', dataDir, '--json'], env)
      await Promise.all([command.sawState('one', 'running'), command.sawState('two', 'completed')])
      refuses = true
      const { code, stdout, stderr } = await command.ended
      const { run, status } = resultOf(stdout)
      expect([code, status]).toEqual([2, 'paused'])
      expect(stderr).toMatch(/Set CODEGEN_API_TOKEN to a valid token\.\n$/)
      refuses = false
      const resumed = await terminal.troupe(['resume', '--data-dir', dataDir, '--json'], env)
      expect([resumed.code, resultOf(resumed.stdout).status]).toEqual([0, 'completed'])
      expect(await standIn.creations()).toEqual(createdOnce(run, ['one', 'two', 'three', 'four']))
    },
  )

  inTerminal(
    '402: creation stops with an alert, the run waits with 3, and completes once there is quota again',
    async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const account = await terminal.folder()
      const file = await terminal.workflow(PARALLEL)
      const poor = await terminal.standIn(['--data-dir', account, '--quota', '2'])
      const { code, stdout, stderr } = await terminal.troupe(['run', file, '--data-dir', dataDir, '--json'], poor.env)
      const { run, status, tasks } = resultOf(stdout)
      expect([code, status]).toEqual([3, 'paused'])
      expect(stderr).toMatch(/402/)
      expect(tasks.map(({ state }) => state).sort()).toEqual(['completed', 'completed', 'pending', 'waiting'])
      expect(recordsOf(stdout).filter(({ type }) => type === 'alert')).toHaveLength(1)
      const shown = await terminal.troupe(['show', run, '--data-dir', dataDir])
      expect(shown.stdout).toMatch(/paused, 2 of 4 completed/)
      expect(shown.stdout).toContain(`  troupe continue ${run} --data-dir ${dataDir}\n`)

      await poor.stop()
      const rich = await terminal.standIn(['--data-dir', account, '--port', poor.port])
      const told = await terminal.troupe(['continue', run, '--data-dir', dataDir], rich.env)
      expect([told.code, told.stderr]).toEqual([0, ''])
      const resumed = await terminal.troupe(['resume', '--data-dir', dataDir, '--json'], rich.env)
      expect([resumed.code, resultOf(resumed.stdout).status]).toEqual([0, 'completed'])
      expect(await rich.creations()).toEqual(createdOnce(run, ['one', 'two', 'three', 'four']))
    },
  )

  inTerminal(
    'a server that cannot be reached: the run waits and says why, and Ctrl-C ends it',
    async ({ terminal }) => {
      const dataDir = await terminal.folder()
      const file = await terminal.workflow(PARALLEL)
      const server = await refusing(500)
      server.close()
      const env = { CODEGEN_API_BASE_URL: server.url }
      const command = terminal.start(['run', file, '--data-dir', dataDir, '--json'], env)
      await command.saw(/"from":"creating","to":"pending"/)
      const run = await command.run()
      const shown = await terminal.troupe(['show', run, '--data-dir', dataDir])
      // Any of the three: one of them may be trying again just now.
      expect(shown.stdout).toMatch(/(one|two|three) pending\n {4}why .* no connection \(ECONNREFUSED\)/)
      command.signal('SIGINT')
      expect((await command.ended).code).toEqual(130)
    },
  )

  inTerminal('settings that cannot be right are named before a run is made', async ({ terminal }) => {
    const file = await terminal.workflow(PARALLEL)
    const nowhere = { CODEGEN_API_BASE_URL: 'http://127.0.0.1:9' }
    const refused = async (env: Readonly<Record<string, string>>) => {
      const dataDir = await terminal.folder()
      const { code, stdout, stderr } = await terminal.troupe(['run', file, '--data-dir', dataDir], env)
      const { stdout: runs } = await terminal.troupe(['runs', '--data-dir', dataDir])
      expect([code, stdout, runs]).toEqual([2, '', `No runs in ${dataDir} yet.\n`])
      return stderr
    }
    const said = await Promise.all([
      refused({ CODEGEN_API_BASE_URL: 'not an address' }),
      refused({ ...nowhere, CODEGEN_ORG_ID: 'ours' }),
      refused({ ...nowhere, CODEGEN_API_TOKEN: 'with spaces in it' }),
    ])
    expect(said).toEqual([
      'troupe: CODEGEN_API_BASE_URL is not a web address. Set it to http(s)://HOST[:PORT] without a user name.\n',
      'troupe: CODEGEN_ORG_ID is not the number of an organization. Set it to that number, or to nothing.\n',
      'troupe: CODEGEN_API_TOKEN is empty or holds characters that no token has. Set it to a valid token.\n',
    ])
  })
})
