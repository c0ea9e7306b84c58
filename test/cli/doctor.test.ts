import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LocalAgent } from '../../src/backends/local/conversation.ts'
import { checkNode } from '../../src/cli/doctor.ts'
import { findHolder } from '../../src/cli/find-holder.ts'
import { serveCodegen } from '../support/codegen-server.ts'
import { serveControl, temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { fakeAgent, fakeLocalTools } from '../support/fake-local-tools.ts'
import { makeRepository } from '../support/git-repository.ts'

const NODE = { check: 'node', ok: true, message: process.versions.node }
const HOOK = 'https://troupe.example.com/v1/webhooks/codegen'
const NO_ACCOUNT = {
  check: 'codegen',
  ok: true,
  message:
    'no account is set: the embedded stand-in plays Codegen; local agents need none. Set CODEGEN_API_TOKEN to use an account.',
}

/** What is only of local agents. */
const LOCAL = /^(?:git|repository|memory|acp:.*|command:.*)$/

/** What `troupe doctor --json` found. */
async function doctor(env: Record<string, string>, dataDir: string, setUp: (cli: FakeCli) => void = () => undefined) {
  const cli = new FakeCli()
  cli.env = env
  setUp(cli)
  const code = await cli.run('doctor', '--json', '--data-dir', dataDir)
  const all = cli.stdout.lines.map((line) => JSON.parse(line))
  const checks = all.filter(({ check }) => !LOCAL.test(check))
  return { code, checks, account: checks.slice(2), local: all.filter(({ check }) => LOCAL.test(check)) }
}

/** A Codegen server that answers `answers` by path, below `/v1`, and 404 elsewhere. */
async function answering(answers: Readonly<Record<string, unknown>>): Promise<Record<string, string>> {
  const respond: RequestListener = (request, response) => {
    const path = (request.url ?? '').replace('/v1/', '').replace(/\?.*/, '')
    const body = answers[path]
    response.writeHead(body === undefined ? 404 : body === 401 ? 401 : 200)
    response.end(JSON.stringify(body ?? { detail: 'Not Found' }))
  }
  const server = createServer(respond)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { CODEGEN_API_BASE_URL: `http://127.0.0.1:${(server.address() as { port: number }).port}` }
}
const ACCOUNT = {
  'users/me': { id: 5, github_username: 'ada' },
  organizations: { items: [{ id: 7, name: 'acme' }, { id: 8 }] },
  'organizations/7/repos': { items: [], total: 0 },
  'organizations/7/models': { providers: [], default_model: null },
  'organizations/7/webhooks/agent-run': { url: HOOK, enabled: true, has_secret: false },
}

describe('troupe doctor', () => {
  it('finds all well with an account that works', async () => {
    const dataDir = await temporaryFolder()
    await mkdir(join(dataDir, 'runs', 'run_1'), { recursive: true })
    const url = await serveCodegen()
    expect(await doctor({ CODEGEN_API_BASE_URL: url }, dataDir)).toMatchObject({
      code: 0,
      checks: [
        NODE,
        { check: 'data folder', ok: true, message: `${dataDir} can be written, holds 1 run; nobody holds it` },
        { check: 'token', ok: true, message: 'accepted: Troupe (user 1, troupe@stand-in.invalid)' },
        { check: 'organization', ok: true, message: 'Stand-in (1)' },
        { check: 'repositories', ok: true, message: '3 that agents may work in' },
        { check: 'models', ok: true, message: '2 to choose from, default understudy-1' },
        { check: 'webhook', ok: true, message: 'none is set: ends of agent runs are noticed by polling' },
      ],
    })
  })

  it('says in words what is well and what is not, a line a check', async () => {
    const dataDir = await temporaryFolder()
    const cli = new FakeCli()
    cli.env = { CODEGEN_API_TOKEN: 'two words' }
    expect(await cli.run('doctor', '--data-dir', dataDir)).toBe(2)
    const lines = cli.stdout.lines.filter((line) => !LOCAL.test(line.split(/ +/)[1] ?? ''))
    expect(lines).toEqual([
      `ok       node            ${process.versions.node}`,
      `ok       data folder     ${dataDir} can be written, holds 0 runs; nobody holds it`,
      'trouble  codegen         CODEGEN_API_TOKEN is empty or holds characters that no token has. Set it to a valid token.',
    ])
  })

  it('says that the embedded stand-in is used, and makes no data folder', async () => {
    const parent = await temporaryFolder()
    const dataDir = join(parent, 'a', 'data')
    const { code, checks } = await doctor({}, dataDir)
    expect([code, checks, await readdir(parent)]).toEqual([
      0,
      [
        NODE,
        { check: 'data folder', ok: true, message: `${dataDir} does not exist yet: the first run makes it` },
        NO_ACCOUNT,
      ],
      [],
    ])
  })

  it('names the process that holds the folder', async () => {
    const { socketPath, client } = await serveControl()
    const dataDir = join(socketPath, '..')
    const { checks } = await doctor({}, dataDir, (cli) => {
      cli.findHolder = findHolder
    })
    const { pid } = await client.health()
    expect(checks[1]).toEqual({
      check: 'data folder',
      ok: true,
      message: `${dataDir} can be written, holds 0 runs; held by process ${pid}`,
    })
  })

  it('says what is wrong with a data folder that is a file, and with the settings', async () => {
    const parent = await temporaryFolder()
    await writeFile(join(parent, 'file'), '')
    await writeFile(join(parent, 'troupe.config.yaml'), 'serve: { port: x }\n')
    const { code, checks } = await doctor({}, join(parent, 'file'), (cli) => {
      cli.cwd = parent
    })
    expect([code, checks.map(({ check, ok }) => [check, ok])]).toEqual([
      2,
      [
        ['node', true],
        ['settings', false],
        ['data folder', false],
        ['codegen', true],
      ],
    ])
  })

  it('stops at a token that is refused', async () => {
    const { code, account } = await doctor(await answering({ ...ACCOUNT, 'users/me': 401 }), await temporaryFolder())
    expect([code, account]).toEqual([
      2,
      [
        {
          check: 'token',
          ok: false,
          message:
            'Codegen could not tell whose token this is: the token was refused (401). Set CODEGEN_API_TOKEN to a valid token.',
        },
      ],
    ])
  })

  it('says that no agent can be created where there is no repository, and that unsigned webhooks are of no use', async () => {
    const { code, account } = await doctor(await answering(ACCOUNT), await temporaryFolder())
    expect([code, account]).toEqual([
      2,
      [
        { check: 'token', ok: true, message: 'accepted: ada (user 5)' },
        { check: 'organization', ok: true, message: 'acme (7); the first of 2: set CODEGEN_ORG_ID to choose' },
        {
          check: 'repositories',
          ok: false,
          message: 'the organization has none, so no agent can be created. Add one at Codegen.',
        },
        { check: 'models', ok: true, message: '0 to choose from, default not told' },
        {
          check: 'webhook',
          ok: false,
          message: `${HOOK} is called without a signature, and troupe serve takes none such: set CODEGEN_WEBHOOK_SECRET, then troupe codegen webhook set URL.`,
        },
      ],
    ])
  })

  it('names the organizations that there are when the one that is set is none of them', async () => {
    const env = await answering(ACCOUNT)
    const { code, account } = await doctor({ ...env, CODEGEN_ORG_ID: '9' }, await temporaryFolder())
    expect([code, account.at(-1)]).toEqual([
      2,
      { check: 'organization', ok: false, message: 'CODEGEN_ORG_ID is 9, but the token may use acme (7), 8.' },
    ])
  })
})

describe('what troupe doctor says of local agents', () => {
  async function repositoryWith(config?: string): Promise<string> {
    const folder = await temporaryFolder()
    await makeRepository(folder)
    if (config !== undefined) await writeFile(join(folder, 'troupe.config.yaml'), config)
    return folder
  }
  const found = async (cwd: string, ...agents: readonly LocalAgent[]) =>
    doctor({}, join(cwd, '.troupe'), (cli) => {
      cli.cwd = cwd
      cli.local = fakeLocalTools(...agents)
    })

  it('names each with its version and place, and how to install what is not there: that is no trouble', async () => {
    const cwd = await repositoryWith()
    const { code, local } = await found(cwd, fakeAgent('acp:claude', '0.49.0'), fakeAgent('command:codex'))
    expect([code, local.slice(1)]).toEqual([
      0,
      [
        {
          check: 'repository',
          ok: true,
          message: expect.stringMatching(/^\/.* at [0-9a-f]{10}: local agents can work in it$/),
        },
        { check: 'acp:claude', ok: true, message: '0.49.0, /opt/acp/claude' },
        {
          check: 'command:codex',
          ok: true,
          message:
            'not usable. The agent command:codex is not installed. Install it with npm install -g command-codex.',
        },
        { check: 'memory', ok: true, message: '1000 MB are free: 4 local agents of 250 MB at once' },
      ],
    ])
    expect(local[0]).toEqual({ check: 'git', ok: true, message: expect.stringMatching(/^\d+\.\d+/) })
  })

  it('finds trouble in an agent that is described and not there', async () => {
    const cwd = await repositoryWith('agents: { command: { mine: { program: mine } } }\n')
    const { code, local } = await found(cwd, fakeAgent('acp:claude'), fakeAgent('command:mine'))
    expect([code, local.map(({ check, ok }) => [check, ok])]).toEqual([
      2,
      [
        ['git', true],
        ['repository', true],
        ['acp:claude', true],
        ['command:mine', false],
        ['memory', true],
      ],
    ])
  })

  it('says why agents could not work in the present folder', async () => {
    const { code, local } = await found(await temporaryFolder())
    expect([code, local[1]]).toEqual([
      0,
      {
        check: 'repository',
        ok: true,
        message: expect.stringMatching(/^not here\. Local agents need a git repository/),
      },
    ])
  })
})

describe('the Node that is needed', () => {
  it.each([
    ['20.19.0', true],
    ['20.18.9', false],
    ['18.20.0', false],
    ['22.1.0', true],
  ])('is 20.19 or newer: %s', (version, isWell) => {
    expect(checkNode(version).ok).toBe(isWell)
  })
})
