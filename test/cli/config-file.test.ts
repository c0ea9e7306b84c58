import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { UsageError } from '../../src/domain/errors.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { runView } from '../support/fake-orchestrator.ts'

async function folderWith(text: string): Promise<string> {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'troupe.config.yaml'), text)
  return folder
}

/** What is said of a file, line by line. */
async function mistakesIn(text: string): Promise<readonly string[]> {
  const error: unknown = await readConfigFile(await folderWith(text)).catch((thrown: unknown) => thrown)
  return error instanceof UsageError ? error.message.split('\n') : ['no mistake']
}

describe('troupe.config.yaml', () => {
  it('says nothing where it does not exist, is empty or holds comments alone', async () => {
    const nothing = { serve: { tokens: [] } }
    const folders = [await temporaryFolder(), '/no/such/folder', await folderWith(''), await folderWith('# later\n')]
    expect(await Promise.all(folders.map(readConfigFile))).toEqual(folders.map(() => nothing))
  })

  it('gives every setting in the units of the program', async () => {
    const text = `
dataDir: runs/here
serve:
  host: 0.0.0.0
  port: 8080
  workflows: flows
  inspect: true
  allowHosts: [troupe.example.com, "10.0.0.5:8080", "[::1]"]
  allowOrigins: [https://troupe.example.com, "http://localhost:5173"]
  tokens:
    - { name: ci, env: TROUPE_CI_TOKEN, access: command }
    - { name: wall, env: TROUPE_WALL_TOKEN, access: watch }
  retain: { for: 30d, runs: 500, archive: true }
  logLevel: debug
  publicUrl: https://troupe.example.com
  webhook: { secretEnv: HOOK_SECRET, header: X-Hook-Signature, encoding: base64 }
`
    expect(await readConfigFile(await folderWith(text))).toEqual({
      dataDir: 'runs/here',
      serve: {
        host: '0.0.0.0',
        port: 8080,
        workflows: 'flows',
        inspect: true,
        allowHosts: ['troupe.example.com', '10.0.0.5:8080', '[::1]'],
        allowOrigins: ['https://troupe.example.com', 'http://localhost:5173'],
        tokens: [
          { name: 'ci', env: 'TROUPE_CI_TOKEN', access: 'command' },
          { name: 'wall', env: 'TROUPE_WALL_TOKEN', access: 'watch' },
        ],
        retain: { keepFor: 30 * 86_400_000, keepRuns: 500, how: 'archive' },
        logLevel: 'debug',
        publicUrl: 'https://troupe.example.com',
        webhook: { secretEnv: 'HOOK_SECRET', header: 'X-Hook-Signature', encoding: 'base64' },
      },
    })
    expect(await readConfigFile(await folderWith('serve: { retain: { for: 90m } }'))).toEqual({
      serve: { tokens: [], retain: { keepFor: 5_400_000, how: 'delete' } },
    })
  })

  it('is told every mistake at once, each with its place', async () => {
    const text = `dataDri: x
serve:
  port: 70000
  inspect: "yes"
  allowHosts: [https://x]
  allowOrigins: [https://x/path]
  tokens:
    - name: a b
      env: TOKEN
      access: admin
    - { name: ci, env: A, access: watch }
    - { name: ci, env: B, access: watch }
  retain: { for: 30 days, runs: 0 }
  logLevel: verbose
  publicUrl: troupe.example.com
  webhook: { header: a b, encoding: octal }
`
    expect(await mistakesIn(text)).toEqual([
      "troupe.config.yaml:1:1: dataDri: is an unknown key; did you mean 'dataDir'?",
      'troupe.config.yaml:3:9: serve.port: must be at most 65535',
      'troupe.config.yaml:4:12: serve.inspect: must be true or false, not "yes"',
      'troupe.config.yaml:5:16: serve.allowHosts[0]: must be a host as it stands in a Host header, such as troupe.example.com or 10.0.0.5:4600',
      'troupe.config.yaml:6:18: serve.allowOrigins[0]: must be an origin, such as https://troupe.example.com, without a path',
      'troupe.config.yaml:8:13: serve.tokens[0].name: must be 1 to 64 letters, digits, _, -, . or @, saying who uses the token',
      'troupe.config.yaml:10:15: serve.tokens[0].access: must be one of command, watch, not text',
      'troupe.config.yaml:13:18: serve.retain.for: is not a duration; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)',
      'troupe.config.yaml:13:33: serve.retain.runs: must be at least 1',
      'troupe.config.yaml:14:13: serve.logLevel: must be one of debug, info, warn, error, silent, not "verbose"',
      'troupe.config.yaml:15:14: serve.publicUrl: is no address; write one such as https://troupe.example.com, without user, query and fragment',
      'troupe.config.yaml:16:22: serve.webhook.header: must be the name of a header, such as x-codegen-signature',
      'troupe.config.yaml:16:37: serve.webhook.encoding: must be one of hex, base64, not text',
    ])
  })

  it('refuses two tokens of one name, and a retention that says nothing', async () => {
    const tokens = '[{ name: ci, env: A, access: watch }, { name: ci, env: B, access: watch }]'
    expect(await mistakesIn(`serve:\n  tokens: ${tokens}\n  retain: { archive: true }\n`)).toEqual([
      'troupe.config.yaml:2:57: serve.tokens[1].name: is the name of another token already',
      'troupe.config.yaml:3:11: serve.retain: says nothing: give for (such as 30d), runs (such as 500) or both',
    ])
  })

  it.each([
    ['serve: { tokens: [{ name: ci, token: s3cret-value, access: watch }] }', 2],
    ['serve: { tokens: [{ name: ci, env: s3cret-value, access: watch }] }', 1],
    ['serve: { tokens: [s3cret-value] }', 1],
    ['serve: { tokens: s3cret-value }', 1],
    ['serve: { tokens: [{ name: ci, env: A, access: s3cret-value }] }', 1],
    ['serve: { webhook: { secret: s3cret-value } }', 1],
    ['serve: { webhook: { secretEnv: s3cret-value } }', 1],
    ['serve: { webhook: s3cret-value }', 1],
    ['serve: { webhook: { encoding: s3cret-value } }', 1],
  ])('never takes a token itself, and does not repeat it: %s', async (text, mistakes) => {
    const said = await mistakesIn(text)
    expect([said.length, said.join().includes('s3cret-value')]).toEqual([mistakes, false])
  })

  it('says where a token and a secret belong', async () => {
    expect((await mistakesIn('serve: { webhook: { secret: x } }'))[0]).toBe(
      'troupe.config.yaml:1:21: serve.webhook.secret: a secret is never written in this file; put it into an environment variable and name that, as in secretEnv: CODEGEN_WEBHOOK_SECRET',
    )
    expect((await mistakesIn('serve: { tokens: [{ name: ci, token: x, env: A, access: watch }] }'))[0]).toBe(
      'troupe.config.yaml:1:31: serve.tokens[0].token: a token is never written in this file; put it into an environment variable and name that, as in env: TROUPE_TOKEN',
    )
  })

  it.each([
    [
      '- a\n',
      'troupe.config.yaml:1:1: is a list; a configuration file is a mapping with dataDir, workDir, agents and serve',
    ],
    ['serve: [\n', 'troupe.config.yaml:2:1: not valid YAML: '],
    ['dataDir: a\ndataDir: b\n', "troupe.config.yaml:2:1: the key 'dataDir' is there twice; keep one of them"],
    ['a: 1\n---\nb: 1\n', 'troupe.config.yaml:2:1: holds several documents; write one a file, without ---'],
  ])('is refused with the place where it is no configuration: %j', async (text, expected) => {
    expect((await mistakesIn(text))[0]?.startsWith(expected)).toBe(true)
  })

  it('is refused where it cannot be read', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'troupe.config.yaml'))
    await expect(readConfigFile(folder)).rejects.toThrow('troupe.config.yaml: cannot be read: it is a folder.')
  })
})

describe('the data folder', () => {
  async function cliIn(text: string): Promise<{ cli: FakeCli; folder: string }> {
    const cli = new FakeCli()
    cli.cwd = await folderWith(text)
    cli.orchestrator.add(runView({ run: 'run_1', status: 'completed' }))
    return { cli, folder: await temporaryFolder() }
  }

  it('is the one that the file names, unless the environment or a flag names another', async () => {
    const { cli } = await cliIn('dataDir: from-file\n')
    const folders: string[] = []
    cli.findHolder = async (dataDir) => {
      folders.push(dataDir)
      return undefined
    }
    await cli.run('runs')
    cli.env = { TROUPE_DATA_DIR: 'from-environment' }
    await cli.run('runs')
    await cli.run('runs', '--data-dir', 'from-flag')
    expect([folders, cli.stderr.text]).toEqual([['from-file', 'from-environment', 'from-flag'], ''])
  })

  it('is not guessed while the file cannot be used: every mistake is said and the code is 2', async () => {
    const { cli, folder } = await cliIn('dataDir: 7\nserv: {}\n')
    expect(await cli.run('runs')).toBe(2)
    expect(cli.stderr.text).toBe(
      'troupe.config.yaml:1:10: dataDir: must be text, not 7; put it in quotes or add its unit\n' +
        "troupe.config.yaml:2:1: serv: is an unknown key; did you mean 'serve'?\n",
    )
    expect(await cli.run('runs', '--data-dir', folder)).toBe(0)
  })
})
