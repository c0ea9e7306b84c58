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
      logLevel: 'info',
    })
  })

  it('are taken from the file, and from flags before that', () => {
    const config: ServeConfig = {
      host: '10.0.0.5',
      port: 80,
      workflows: 'flows',
      inspect: true,
      allowHosts: ['a.example'],
      allowOrigins: ['https://a.example'],
      logLevel: 'warn',
      retain: { keepFor: DAY_MS, keepRuns: 7, how: 'archive' },
      tokens: [],
    }
    const common = { tokens: [], inspect: true }
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
