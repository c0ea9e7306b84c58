import { createHmac } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { serveCommand } from '../../src/cli/serve.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView } from '../support/fake-orchestrator.ts'
import { serving } from '../support/serving.ts'

const [ONE, TWO] = ['run_06f2r0m5e8q1w7xk3d', 'run_06f2r0m5e8q1w7xk4d']
const LISTENING = /^troupe serve listening on (http:\/\/\S+:\d+)\n/

/** A server that is up, and what it said. */
async function up(cli: FakeCli, ...words: string[]) {
  const ended = cli.run('serve', '--port', '0', ...words)
  let over = false
  void ended.then(() => {
    over = true
  })
  onTestFinished(async () => {
    if (!over) cli.signal('SIGTERM')
    await ended
  })
  await Promise.race([cli.stdout.until(LISTENING), ended])
  const url = LISTENING.exec(cli.stdout.text)?.[1] ?? ''
  return { ended, url }
}

describe('troupe serve', () => {
  it('says where it listens and where to look, once it can be asked', async () => {
    const cli = new FakeCli()
    const { url } = await up(cli)
    expect(cli.stdout.lines).toEqual([
      `troupe serve listening on ${url}`,
      `API: ${url}/docs`,
      `Machines: ${url}/machines`,
      'Codegen is played by the stand-in: neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set.',
      'No run was unfinished.',
    ])
    expect((await fetch(`${url}/v1/runs`)).status).toEqual(200)
  })

  it('names its tokens, never shows them, and lets them in', async () => {
    const cli = new FakeCli()
    cli.env = {
      TROUPE_TOKEN: 'one-token-long-enough',
      TROUPE_READ_TOKEN: 'two-token-long-enough',
      CODEGEN_API_TOKEN: 'x',
    }
    const { url, ended } = await up(cli, '--inspect', '--log-level', 'debug')
    expect(cli.stdout.lines.slice(2)).toEqual([
      `Machines: ${url}/machines`,
      `Inspector: ${url}/inspect`,
      'Tokens: token (command), read-token (watch)',
      'No run was unfinished.',
    ])
    const headers = { authorization: 'Bearer two-token-long-enough' }
    const statuses = [await fetch(`${url}/v1/runs`), await fetch(`${url}/v1/runs`, { headers })].map(
      ({ status }) => status,
    )
    expect(statuses).toEqual([401, 200])
    cli.signal('SIGTERM')
    await ended
    expect(cli.stderr.text + cli.stdout.text).not.toMatch(/long-enough/)
  })

  it('takes webhooks with a secret that it never shows, and has agent runs tell of their end', async () => {
    const cli = new FakeCli()
    cli.env = { CODEGEN_WEBHOOK_SECRET: 'hook-secret-long-enough', CODEGEN_WEBHOOK_ENCODING: 'base64' }
    const { url, ended } = await up(cli, '--public-url', 'https://troupe.example.com', '--log-level', 'debug')
    const at = 'https://troupe.example.com/v1/webhooks/codegen'
    expect(cli.stdout.lines).toContain(`Webhooks of Codegen: ${at}`)
    expect(cli.taken).toEqual([{ intents: 'open', webhook: { url: at, secret: 'hook-secret-long-enough' } }])
    const body = '{"agent_run_id":7}'
    const signature = createHmac('sha256', 'hook-secret-long-enough').update(body).digest('base64')
    const headers = { 'x-codegen-signature': signature }
    const answer = await fetch(`${url}/v1/webhooks/codegen`, { method: 'POST', body, headers })
    expect([answer.status, cli.orchestrator.calls.at(-1)]).toEqual([202, ['hint', 'codegen', '7']])
    cli.signal('SIGTERM')
    await ended
    expect(cli.stderr.text + cli.stdout.text).not.toMatch(/long-enough/)
  })

  it('has no agent run tell of its end while its own address is not known', async () => {
    const cli = new FakeCli()
    cli.env = { CODEGEN_WEBHOOK_SECRET: 'hook-secret-long-enough' }
    const { url } = await up(cli)
    expect([cli.taken, cli.stdout.lines.includes(`Webhooks of Codegen: ${url}/v1/webhooks/codegen`)]).toEqual([
      [{ intents: 'open' }],
      true,
    ])
  })

  it('takes unfinished runs up again and says which', async () => {
    const cli = new FakeCli()
    cli.orchestrator.add(runView({ run: ONE }))
    cli.orchestrator.add(runView({ run: TWO, status: 'completed' }))
    await up(cli)
    expect([cli.stdout.lines.at(-1), cli.orchestrator.calls]).toEqual([`Resumed: ${ONE}`, [['resume', undefined]]])
  })

  it('leaves them when it is told to', async () => {
    const cli = new FakeCli()
    cli.orchestrator.add(runView({ run: ONE }))
    await up(cli, '--no-resume')
    expect([cli.stdout.lines.at(-1), cli.orchestrator.calls]).toEqual([`Not resumed: ${ONE}`, []])
  })

  it('begins though a run is damaged: the log says which and why, the others go on', async () => {
    const cli = new FakeCli()
    cli.orchestrator.add(runView({ run: ONE }))
    cli.orchestrator.add(runView({ run: TWO }))
    const resume = cli.orchestrator.resume.bind(cli.orchestrator)
    cli.orchestrator.resume = async (run) => {
      if (run === ONE) throw new DataFolderError('damaged', 'fake', `The journal of ${ONE} cannot be read.`)
      return (await resume(run)).filter((id) => id !== ONE)
    }
    const { url } = await up(cli)
    expect(cli.stdout.lines.slice(-2)).toEqual([`Resumed: ${TWO}`, `Not resumed: ${ONE}`])
    expect(cli.stderr.lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 'error',
        run: ONE,
        err: { code: 'data-folder-damaged', message: `The journal of ${ONE} cannot be read.` },
      },
    ])
    expect((await fetch(`${url}/readyz`)).status).toEqual(200)
  })

  it('begins though all are damaged', async () => {
    const cli = new FakeCli()
    cli.orchestrator.add(runView({ run: ONE }))
    cli.orchestrator.resume = async () => {
      throw new DataFolderError('damaged', 'fake', 'It cannot be read.')
    }
    const { url } = await up(cli)
    expect([cli.stdout.lines.at(-1), (await fetch(`${url}/healthz`)).status]).toEqual([`Not resumed: ${ONE}`, 200])
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends with 0 at %s: runs are written down and the folder is free',
    async (signal) => {
      const cli = new FakeCli()
      const { ended, url } = await up(cli)
      const start = cli.hold?.admission
      cli.signal(signal)
      expect(await ended).toEqual(0)
      expect([cli.orchestrator.calls, cli.orchestrator.closed, cli.exits]).toEqual([
        [['resume', undefined], ['checkpoint']],
        true,
        [],
      ])
      await expect(start?.admit(async () => [])).rejects.toThrow(/is ending/)
      await expect(fetch(url)).rejects.toThrow()
    },
  )

  it('ends with 0 though a checkpoint fails, and says so', async () => {
    const cli = new FakeCli()
    const { ended } = await up(cli)
    cli.orchestrator.checkpoint = async () => {
      throw new Error('No space is left.')
    }
    cli.signal('SIGTERM')
    expect([await ended, cli.orchestrator.closed]).toEqual([0, true])
    expect(cli.stderr.text).toContain('No space is left.')
  })

  it('ends at once at a second signal', async () => {
    const cli = new FakeCli()
    const { ended } = await up(cli)
    let go: () => void = () => undefined
    cli.orchestrator.checkpoint = () =>
      new Promise((resolve) => {
        go = resolve
      })
    cli.signal('SIGTERM')
    cli.time += 1000
    cli.signal('SIGTERM')
    expect(cli.exits).toEqual([143])
    await new Promise((resolve) => setImmediate(resolve))
    go()
    await ended
  })

  it('ends with 0 after 9 s whatever hangs', async () => {
    const cli = new FakeCli()
    const clock = createVirtualClock()
    const ended = serveCommand(cli, { port: '0', allowHost: [], allowOrigin: [], resume: true }, clock)
    await cli.stdout.until(LISTENING)
    let go: () => void = () => undefined
    const hanging = new Promise<void>((resolve) => {
      cli.orchestrator.checkpoint = () => {
        resolve()
        return new Promise((done) => {
          go = done
        })
      }
    })
    cli.signal('SIGTERM')
    await hanging
    await clock.advance(8999)
    expect(cli.exits).toEqual([])
    await clock.advance(1)
    expect(cli.exits).toEqual([0])
    go()
    expect([await ended, clock.pending()]).toEqual([0, 0])
  })

  it('ends when another process has taken the folder, and says so', async () => {
    const cli = new FakeCli()
    const clock = createVirtualClock()
    const ended = serveCommand(cli, { port: '0', allowHost: [], allowOrigin: [], resume: true }, clock)
    const outcome = ended.catch((error: unknown) => error)
    await cli.stdout.until(LISTENING)
    cli.check = async () => {
      throw new DataFolderError('lost', 'fake', 'Another troupe has taken it.')
    }
    await clock.advance(5000)
    expect([await outcome, cli.orchestrator.closed, clock.pending()]).toEqual([
      new DataFolderError('lost', 'fake', 'Another troupe has taken it.'),
      true,
      0,
    ])
  })

  it('removes finished runs beyond those that are kept, once it is up', async () => {
    const cli = new FakeCli()
    const ended = (run: string, endedAt: string) => runView({ run, status: 'completed', endedAt })
    cli.orchestrator.add(ended(ONE, '2026-01-01T00:00:00.000Z'))
    cli.orchestrator.add(ended(TWO, '2026-01-02T00:00:00.000Z'))
    await up(cli, '--retain-runs', '1', '--archive')
    await cli.stderr.until(/removed/)
    expect(cli.orchestrator.calls).toEqual([
      ['resume', undefined],
      ['remove', ONE, 'archive'],
    ])
  })

  it('ends with 2 where its port is taken, and has begun nothing', async () => {
    const { port } = await serving()
    const cli = new FakeCli()
    cli.orchestrator.add(runView({ run: ONE }))
    expect(await cli.run('serve', '--port', String(port))).toEqual(2)
    expect(cli.stderr.text).toContain(`Cannot listen on 127.0.0.1:${port}: another process listens there already.`)
    expect([cli.stdout.text, cli.orchestrator.calls, cli.orchestrator.closed]).toEqual(['', [], true])
  })

  it('ends with 2 where another process holds the folder', async () => {
    const { orchestrator } = new FakeCli()
    const cli = new FakeCli()
    cli.takeFolder = async (dataDir) => {
      throw new DataFolderError('locked', dataDir, `Another troupe holds ${dataDir}.`)
    }
    expect([await cli.run('serve', '--port', '0'), cli.stdout.text, orchestrator.calls]).toEqual([2, '', []])
    expect(cli.stderr.text).toEqual('troupe: Another troupe holds .troupe.\n')
  })

  it.each([
    [['--host', '0.0.0.0'], /Set TROUPE_TOKEN to at least 16 characters/],
    [['--port', 'http'], /--port http: write a number/],
    [['--allow-origin', '*'], /'\*' is no origin/],
    [['--allow-host', 'http://x'], /cannot stand in a Host header/],
    [['--workflows', '/no/such/folder'], /\/no\/such\/folder is no folder/],
    [['--log-level', 'loud'], /--log-level loud/],
  ])('ends with 2 for %j', async (words, message) => {
    const cli = new FakeCli()
    expect([await cli.run('serve', '--port', '0', ...words), cli.stdout.text]).toEqual([2, ''])
    expect(cli.stderr.text).toMatch(message)
  })

  it('refuses a token that is too short, without repeating it', async () => {
    const cli = new FakeCli()
    cli.env = { TROUPE_TOKEN: 'sesame' }
    expect(await cli.run('serve', '--port', '0')).toEqual(2)
    expect(cli.stderr.text).toEqual(
      "troupe: The token 'token' is too short: 16 characters are needed, 32 random ones are better.\n",
    )
  })
})
