import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ServeConfig } from '../../src/cli/config-file.ts'
import { readServeSettings, type ServeFlags } from '../../src/cli/serve-settings.ts'
import { UsageError } from '../../src/domain/errors.ts'

const NO_FLAGS: ServeFlags = { allowHost: [], allowOrigin: [], resume: true }
const NO_CONFIG: ServeConfig = { tokens: [] }
const DAY_MS = 86_400_000

function read(flags: Partial<ServeFlags> = {}, config: Partial<ServeConfig> = {}, env: Record<string, string> = {}) {
  return readServeSettings({ ...NO_FLAGS, ...flags }, { ...NO_CONFIG, ...config }, { env, cwd: '/project' })
}

describe('the settings of serve', () => {
  it('are what is safest when nothing is said', () => {
    expect(read()).toEqual({
      host: '127.0.0.1',
      port: 4600,
      tokens: [],
      allowedHosts: [],
      allowedOrigins: [],
      inspect: false,
      local: false,
      logLevel: 'info',
    })
  })

  it('are taken from the file, and from flags before that', () => {
    const config: ServeConfig = {
      host: '10.0.0.5',
      port: 80,
      workflows: 'flows',
      inspect: true,
      local: true,
      allowHosts: ['a.example'],
      allowOrigins: ['https://a.example'],
      logLevel: 'warn',
      retain: { keepFor: DAY_MS, keepRuns: 7, how: 'archive' },
      tokens: [],
    }
    const common = { tokens: [], inspect: true, local: true }
    expect(read({}, config)).toEqual({
      ...common,
      host: '10.0.0.5',
      port: 80,
      workflows: resolve('/project/flows'),
      allowedHosts: ['a.example'],
      allowedOrigins: ['https://a.example'],
      logLevel: 'warn',
      retain: { keepFor: DAY_MS, keepRuns: 7, how: 'archive' },
    })
    const flags = {
      host: 'localhost',
      port: '0',
      workflows: '/elsewhere',
      allowHost: ['b.example'],
      allowOrigin: ['https://b.example'],
      logLevel: 'debug',
      retainFor: '30d',
    }
    expect(read(flags, config)).toEqual({
      ...common,
      host: 'localhost',
      port: 0,
      workflows: '/elsewhere',
      allowedHosts: ['a.example', 'b.example'],
      allowedOrigins: ['https://a.example', 'https://b.example'],
      logLevel: 'debug',
      retain: { keepFor: 30 * DAY_MS, keepRuns: 7, how: 'archive' },
    })
  })

  it('read tokens from the environment: the usual two, and those that the file names', () => {
    const env = { TROUPE_TOKEN: 'one-token-long-enough', TROUPE_READ_TOKEN: 'two-token-long-enough', CI_TOKEN: 'three' }
    expect(read({}, { tokens: [{ name: 'ci', env: 'CI_TOKEN', access: 'watch' }] }, env).tokens).toEqual([
      { name: 'token', token: 'one-token-long-enough', access: 'command' },
      { name: 'read-token', token: 'two-token-long-enough', access: 'watch' },
      { name: 'ci', token: 'three', access: 'watch' },
    ])
  })

  it('let the file give another name to a usual token', () => {
    const env = { TROUPE_TOKEN: 'one-token-long-enough', TROUPE_READ_TOKEN: '' }
    expect(read({}, { tokens: [{ name: 'ann', env: 'TROUPE_TOKEN', access: 'command' }] }, env).tokens).toEqual([
      { name: 'ann', token: 'one-token-long-enough', access: 'command' },
    ])
  })

  it('keep as many runs, or for as long, as is said', () => {
    expect([
      read({ retainRuns: '500' }).retain,
      read({ retainFor: '30d', archive: true }).retain,
      read({ archive: true }, { retain: { keepRuns: 3, how: 'delete' } }).retain,
    ]).toEqual([
      { how: 'delete', keepRuns: 500 },
      { how: 'archive', keepFor: 30 * DAY_MS },
      { how: 'archive', keepRuns: 3 },
    ])
  })

  it('take webhooks once there is a secret, by the header and encoding of the environment before those of the file', () => {
    const usual = { CODEGEN_WEBHOOK_SECRET: 'one' }
    const config = { webhook: { secretEnv: 'OTHER', header: 'x-from-file', encoding: 'base64' } } as const
    const over = { OTHER: 'two', CODEGEN_WEBHOOK_HEADER: 'x-from-env', CODEGEN_WEBHOOK_ENCODING: 'hex' }
    expect([
      read({}, {}, { CODEGEN_WEBHOOK_SECRET: '', CODEGEN_WEBHOOK_HEADER: 'x-other' }).webhook,
      read({}, {}, usual).webhook,
      read({}, config, { ...usual, OTHER: 'two' }).webhook,
      read({}, config, { ...usual, ...over }).webhook,
    ]).toEqual([
      undefined,
      { secret: 'one', header: 'x-codegen-signature', encoding: 'hex' },
      { secret: 'two', header: 'x-from-file', encoding: 'base64' },
      { secret: 'two', header: 'x-from-env', encoding: 'hex' },
    ])
  })

  it('tell Codegen where to send webhooks only where both an address and a secret are set', () => {
    const env = { CODEGEN_WEBHOOK_SECRET: 'one' }
    expect([
      read({}, {}, env).webhookUrl,
      read({ publicUrl: 'https://troupe.example.com' }).webhookUrl,
      read({ publicUrl: 'https://troupe.example.com/' }, { publicUrl: 'https://file.example' }, env).webhookUrl,
      read({}, { publicUrl: 'http://host:8080/below' }, env).webhookUrl,
    ]).toEqual([
      undefined,
      undefined,
      'https://troupe.example.com/v1/webhooks/codegen',
      'http://host:8080/below/v1/webhooks/codegen',
    ])
  })

  it('are refused where webhooks could not be recognised or reached, without the secret', () => {
    const wrong = () =>
      read(
        { publicUrl: 'https://user:s3cret@host' },
        { webhook: { secretEnv: 'OTHER' } },
        { CODEGEN_WEBHOOK_HEADER: 'no header', CODEGEN_WEBHOOK_ENCODING: 'octal', CODEGEN_WEBHOOK_SECRET: 's3cret' },
      )
    expect(wrong).toThrow(
      [
        'CODEGEN_WEBHOOK_HEADER: write the name of a header, such as x-codegen-signature.',
        'CODEGEN_WEBHOOK_ENCODING: write hex or base64.',
        'The secret of webhooks is to be read from OTHER, which is not set. Set it, or take it out of the file.',
        '--public-url: write one such as https://troupe.example.com, without user, query and fragment.',
      ].join('\n'),
    )
    expect(wrong).not.toThrow(/s3cret/)
  })

  it('are refused with every mistake on its own line', () => {
    const wrong = () =>
      read(
        { port: '70000', logLevel: 'loud', retainFor: 'soon', retainRuns: '0' },
        { tokens: [{ name: 'ci', env: 'CI_TOKEN', access: 'watch' }] },
      )
    expect(wrong).toThrow(UsageError)
    expect(wrong).toThrow(
      [
        '--port 70000: write a number from 0 (any free one) to 65535.',
        '--log-level loud: there is no such level. There are: debug, info, warn, error, silent.',
      ].join('\n'),
    )
    expect(wrong).toThrow(
      /\n--retain-for soon: .*\n--retain-runs 0: write how many .*\nThe token 'ci' .* CI_TOKEN, which is not set\./,
    )
    expect(() => read({ archive: true })).toThrow(/^--archive: say what is archived/)
  })
})
