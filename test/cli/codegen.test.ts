import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createStandIn } from '../../src/backends/codegen/stand-in/stand-in.ts'
import { openStandInStore } from '../../src/backends/codegen/stand-in/store-file.ts'
import { realClock } from '../../src/host/clock.ts'
import { serveCodegen } from '../support/codegen-server.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'

const SECRET = 'hook-secret-long-enough'
const HOOK = 'https://troupe.example.com/v1/webhooks/codegen'
const MARKED = 'Work\n[simulate:{"durationMs":600000}]\n[troupe:run_1/spec/2/1]'

/** Runs `troupe codegen ...` for the account of `env`; what it said, and how it ended. */
async function codegen(env: Record<string, string>, ...words: string[]) {
  const cli = new FakeCli()
  cli.env = env
  const code = await cli.run('codegen', ...words)
  return { code, out: cli.stdout.text, err: cli.stderr.text }
}

/** A Codegen server that has one agent run of ours, which works on. */
async function account() {
  const url = await serveCodegen()
  const env = { CODEGEN_API_BASE_URL: url }
  const create = async (body: object) => {
    await fetch(`${url}/v1/organizations/1/agent/run`, {
      method: 'POST',
      headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }
  return { env, create, ask: (...words: string[]) => codegen(env, ...words) }
}
const said = (out: string) => ({ code: 0, out, err: '' })
const refused = (err: string) => ({ code: 2, out: '', err })
const lines = (out: string) => out.split('\n').slice(0, -1)
const json = (out: string) => lines(out).map((line) => JSON.parse(line))

describe('troupe codegen', () => {
  it('tells whose token it is, and what the account has', async () => {
    const { ask } = await account()
    expect(await ask('me')).toEqual(said('Troupe (user 1, troupe@stand-in.invalid)\n'))
    expect(await ask('organizations')).toEqual(said('id  name\n1   Stand-in\n'))
    expect(await ask('repositories')).toEqual(said('id  repository\n1   acme/shop\n2   acme/api\n3   acme/docs\n'))
    expect(lines((await ask('models')).out)).toEqual([
      'model               label               provider  default',
      'understudy-1        Understudy          Stand-in  default',
      'understudy-1-small  Understudy (small)  Stand-in',
    ])
  })

  it('tells the same as JSON, a line each', async () => {
    const { ask } = await account()
    expect(json((await ask('me', '--json')).out)).toEqual([
      { id: '1', name: 'Troupe', email: 'troupe@stand-in.invalid' },
    ])
    expect(json((await ask('organizations', '--json')).out)).toEqual([{ id: '1', name: 'Stand-in' }])
    expect(json((await ask('repositories', '--json')).out)).toEqual([
      { id: 1, repository: 'acme/shop' },
      { id: 2, repository: 'acme/api' },
      { id: 3, repository: 'acme/docs' },
    ])
    expect(json((await ask('models', '--json')).out)).toEqual([
      { model: 'understudy-1', label: 'Understudy', provider: 'Stand-in', default: true },
      { model: 'understudy-1-small', label: 'Understudy (small)', provider: 'Stand-in', default: false },
    ])
  })

  it('lists the newest agent runs with the task that each belongs to, by metadata or by its mark', async () => {
    const { ask, create } = await account()
    expect(await ask('runs')).toEqual(said('There are no agent runs.\n'))
    await create({ prompt: MARKED })
    await create({ prompt: MARKED, metadata: { troupe: { run: 'run_2', task: 'execute[0]', attempt: 1 } } })
    await create({ prompt: MARKED, metadata: { other: 'tool' } })
    const listed = json((await ask('runs', '--json')).out)
    expect(listed.map(({ id, status, task }) => [id, status, task])).toEqual([
      ['41003', 'ACTIVE', null],
      ['41002', 'ACTIVE', 'run_2/execute[0]/1'],
      ['41001', 'ACTIVE', 'run_1/spec/2'],
    ])
    // The stand-in leaves the address out of some answers, as the service does: then there is no such column.
    expect(lines((await ask('runs', '--limit', '2')).out)).toEqual([
      expect.stringMatching(/^id +status +created +task\b/),
      expect.stringMatching(/^41003 +ACTIVE /),
      expect.stringMatching(/^41002 +ACTIVE .* run_2\/execute\[0\]\/1\b/),
    ])
  })

  it('lists more agent runs than a page holds', async () => {
    const url = await serveCodegen({ limits: { create: 'none', standard: 'none' } })
    const env = { CODEGEN_API_BASE_URL: url }
    const headers = { authorization: 'Bearer t', 'content-type': 'application/json' }
    const body = JSON.stringify({ prompt: 'Work', metadata: { other: 'tool' } })
    for (let n = 0; n < 130; n++) await fetch(`${url}/v1/organizations/1/agent/run`, { method: 'POST', headers, body })
    const ids = json((await codegen(env, 'runs', '--limit', '120', '--json')).out).map(({ id }) => Number(id))
    expect(ids).toEqual(Array.from({ length: 120 }, (_, n) => 41_130 - n))
  })

  it('stops the agents of a run, and says when it knows none of that id', async () => {
    const { ask, create } = await account()
    await create({ prompt: MARKED })
    expect(await ask('ban', '41001')).toEqual(
      said('Agent run 41001: its pull request is flagged and its agents are stopped\n'),
    )
    expect(json((await ask('runs', '--json')).out).map(({ status }) => status)).toEqual(['CANCELLED'])
    expect(await ask('unban', '41001')).toEqual(
      said('Agent run 41001: its pull request is no longer flagged; what was stopped stays so\n'),
    )
    expect(await ask('remove-from-pr', '41001', '--json')).toEqual(said('{"id":"41001","done":"remove-from-pr"}\n'))
    expect(await ask('ban', '7')).toEqual(
      refused('troupe: Codegen could not ban agent run 7: it answered 404: Agent run not found.\n'),
    )
    expect(await ask('ban', '7;x')).toEqual(
      refused("troupe: '7;x' is no id of an agent run: write one as in troupe codegen ban 41001.\n"),
    )
  })

  it('has setup commands generated and logs analyzed', async () => {
    const { ask } = await account()
    expect(await ask('setup-commands', 'acme/api', '--prompt', 'Use pnpm')).toEqual(
      said('Agent run 41001 works out how acme/api is set up: https://stand-in.invalid/agent/trace/41001\n'),
    )
    expect(await ask('analyze-logs', '5', '--json')).toEqual(
      said('{"id":"41002","status":"ACTIVE","message":"The logs are being analyzed."}\n'),
    )
    expect(await ask('setup-commands', 'acme/nope')).toEqual(
      refused(
        "troupe: Codegen does not know the repository 'acme/nope'. Add it to the organization, or name one of its repositories: acme/shop, acme/api, acme/docs.\n",
      ),
    )
    expect(await ask('analyze-logs', 'five')).toEqual(refused("troupe: 'five' is no sandbox: write its number.\n"))
  })

  it('says of what may have been done that it may have been', async () => {
    const url = await serveCodegen({ faults: { 'answer-lost': 1 } })
    const { code, out, err } = await codegen({ CODEGEN_API_BASE_URL: url }, 'setup-commands', '1')
    expect([code, out, lines(err)]).toEqual([
      2,
      '',
      [
        expect.stringContaining('the connection broke'),
        'It may have taken effect all the same: look before you do it again (troupe codegen runs).',
      ],
    ])
  })

  it('ends with 2 and what to do when the account cannot be used', async () => {
    const closed = createServer()
    const port = await new Promise<number>((resolve) => {
      closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port))
    })
    await new Promise((resolve) => closed.close(resolve))
    const { env } = await account()
    expect(await codegen({ CODEGEN_API_BASE_URL: `http://127.0.0.1:${port}` }, 'me')).toEqual(
      refused(
        'troupe: Codegen could not tell whose token this is: no connection (ECONNREFUSED). Check the network and CODEGEN_API_BASE_URL.\n',
      ),
    )
    expect(await codegen({ ...env, CODEGEN_ORG_ID: '9' }, 'models')).toEqual(
      refused(
        'troupe: Codegen could not list the models: the token has no access (403). Set CODEGEN_ORG_ID to an organization that it may use.\n',
      ),
    )
    expect(await codegen({ ...env, CODEGEN_ORG_ID: 'acme' }, 'models')).toEqual(
      refused('troupe: CODEGEN_ORG_ID is not the number of an organization. Set it to that number, or to nothing.\n'),
    )
    expect(await codegen(env, 'runs', '--limit', '0')).toEqual(
      refused('troupe: --limit 0: write a number from 1 to 1000.\n'),
    )
  })
})

describe('troupe codegen webhook', () => {
  it('sets it with the secret of the environment, which is never shown, and deletes it', async () => {
    const { env, ask } = await account()
    expect(await ask('webhook')).toEqual(said('The organization has no webhook.\n'))
    const secret = { ...env, CODEGEN_WEBHOOK_SECRET: SECRET }
    expect(await codegen(secret, 'webhook', 'set', HOOK)).toEqual(
      said(`Ends of agent runs are told to ${HOOK}, signed.\n`),
    )
    expect(await codegen(secret, 'webhook', 'show')).toEqual(said(`${HOOK} (enabled, signed)\n`))
    expect(json((await ask('webhook', '--json')).out)).toEqual([{ url: HOOK, enabled: true, hasSecret: true }])
    expect(await ask('webhook', 'delete')).toEqual(said('The organization has no webhook any more.\n'))
    expect(await ask('webhook', '--json')).toEqual(said('{"url":null,"enabled":false,"hasSecret":false}\n'))
  })

  it('has one sent to an address', async () => {
    const { ask } = await account()
    let arrived: (body: string) => void
    const body = new Promise<string>((resolve) => {
      arrived = resolve
    })
    const receiver = createServer((request, response) => {
      let text = ''
      request.on('data', (part) => {
        text += String(part)
      })
      request.on('end', () => {
        response.end()
        arrived(text)
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void receiver.close())
    const url = `http://127.0.0.1:${(receiver.address() as { port: number }).port}/hook`
    expect(await ask('webhook', 'test', url)).toEqual(said(`Codegen was asked to send a webhook to ${url}.\n`))
    expect(JSON.parse(await body)).toEqual({ event: 'test', organization_id: 1 })
  })

  it('refuses to set one without a secret, no address, and words that it does not know', async () => {
    const { ask } = await account()
    expect(await ask('webhook', 'set', HOOK)).toEqual(
      refused(
        'troupe: webhook set: no secret is set, and troupe takes no webhook that is not signed. Set CODEGEN_WEBHOOK_SECRET, as for troupe serve.\n',
      ),
    )
    const address = 'write an address such as https://troupe.example.com/v1/webhooks/codegen.\n'
    expect(await ask('webhook', 'set', 'ftp://x')).toEqual(refused(`troupe: webhook set: ${address}`))
    expect(await ask('webhook', 'test')).toEqual(refused(`troupe: webhook test: ${address}`))
    expect(await ask('webhook', 'delete', HOOK)).toEqual(refused('troupe: webhook delete takes no address.\n'))
    expect(await ask('webhook', 'drop')).toEqual(refused('troupe: webhook drop: there is show, set, delete, test.\n'))
  })
})

describe('troupe codegen without an account', () => {
  const NOTE =
    'Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set: this is the embedded stand-in of the data folder.\n'

  async function folderWithRun() {
    const dataDir = await temporaryFolder()
    const standIn = createStandIn({
      clock: realClock,
      store: await openStandInStore(join(dataDir, 'stand-in'), realClock),
    })
    await standIn.fetch('http://stand-in.invalid/v1/organizations/1/agent/run', {
      method: 'POST',
      headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: MARKED }),
    })
    return { dataDir, standIn }
  }

  it('asks the stand-in of the data folder, and says so', async () => {
    const { dataDir, standIn } = await folderWithRun()
    await standIn.close()
    const { code, out, err } = await codegen({}, 'ban', '41001', '--data-dir', dataDir)
    expect([code, out, err]).toEqual([
      0,
      'Agent run 41001: its pull request is flagged and its agents are stopped\n',
      NOTE,
    ])
    const runs = await codegen({ TROUPE_DATA_DIR: dataDir }, 'runs', '--json')
    expect(json(runs.out).map(({ status, task }) => [status, task])).toEqual([['CANCELLED', 'run_1/spec/2']])
    expect((await codegen({}, 'webhook', 'test', HOOK, '--data-dir', dataDir)).err).toBe(
      `${NOTE}troupe: The embedded stand-in sends no webhooks. Start one with troupe stand-in to try them.\n`,
    )
  })

  it('is refused while another process has that stand-in', async () => {
    const { dataDir, standIn } = await folderWithRun()
    expect(await codegen({}, 'runs', '--data-dir', dataDir)).toEqual(
      refused(
        `troupe: The process that holds ${dataDir} is using its embedded stand-in. Ask again when that has ended.\n`,
      ),
    )
    await standIn.close()
  })

  it('is refused where there is no such stand-in, and makes none', async () => {
    const dataDir = await temporaryFolder()
    expect(await codegen({}, 'runs', '--data-dir', dataDir)).toEqual(
      refused(
        `troupe: Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set, and ${dataDir} holds no agent runs of the embedded stand-in. Set CODEGEN_API_TOKEN to a token of the account that is meant.\n`,
      ),
    )
    expect(await readdir(dataDir)).toEqual([])
  })

  it('uses the data folder that troupe.config.yaml names', async () => {
    const { dataDir, standIn } = await folderWithRun()
    await standIn.close()
    const cwd = await temporaryFolder()
    await mkdir(cwd, { recursive: true })
    await writeFile(join(cwd, 'troupe.config.yaml'), `dataDir: ${dataDir}\n`)
    const cli = new FakeCli()
    cli.cwd = cwd
    expect(await cli.run('codegen', 'me')).toBe(0)
    expect(cli.stdout.text).toBe('Troupe (user 1, troupe@stand-in.invalid)\n')
  })
})
