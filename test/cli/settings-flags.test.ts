import { describe, expect, it } from 'vitest'
import { parseSettings } from '../../src/cli/settings-flags.ts'
import { readStandInFlags } from '../../src/cli/stand-in-command.ts'
import { UsageError } from '../../src/domain/errors.ts'

describe('the flags of run and resume', () => {
  it('mean exactly what was given', () => {
    expect(parseSettings({})).toEqual({})
    expect(
      parseSettings({
        backend: 'simulated',
        limit: ['codegen.create=600/1m', 'codegen.logs=none'],
        grace: '30s',
        speed: '0.5',
        seed: '-7',
        yes: true,
      }),
    ).toEqual({
      backend: 'simulated',
      limits: { 'codegen.create': { max: 600, windowMs: 60_000 }, 'codegen.logs': 'none' },
      graceMs: 30_000,
      speed: 0.5,
      seed: -7,
      yes: true,
    })
    for (const backend of ['codegen', 'command:claude', 'acp:my-agent']) {
      expect(parseSettings({ backend })).toEqual({ backend })
    }
    expect(parseSettings({ grace: '0' })).toEqual({ graceMs: 0 })
  })

  it('name every mistake on its own line', () => {
    const flags = {
      limit: ['create=1/1m', 'codegen.create=fast'],
      grace: 'soon',
      speed: '0',
      seed: '1.5',
      backend: 'acp',
    }
    const error = new UsageError(
      [
        '--limit create=1/1m: write BACKEND.BUCKET=CALLS/WINDOW, as in codegen.create=600/1m, or codegen.create=none.',
        '--limit codegen.create=fast: write BACKEND.BUCKET=CALLS/WINDOW, as in codegen.create=600/1m, or codegen.create=none.',
        '--grace soon: write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d).',
        '--speed 0: write a number above 0, such as 60.',
        '--seed 1.5: write a whole number.',
        '--backend acp: there is no such backend. There are: codegen, simulated, command:NAME, acp:NAME.',
      ].join('\n'),
    )
    expect(() => parseSettings(flags)).toThrow(error)
  })
})

describe('the flags of stand-in', () => {
  const usual = { port: '0', seed: '1', speed: '1', limit: [], fault: [] }

  it('mean exactly what was given', () => {
    expect(readStandInFlags(usual)).toEqual({ port: 0, seed: 1, speed: 1, limits: {}, faults: {} })
    expect(
      readStandInFlags({
        ...usual,
        port: '4600',
        dataDir: 'd',
        limit: ['create=600/1m'],
        fault: ['answer-lost=0.05', 'slow=1'],
      }),
    ).toEqual({
      port: 4600,
      seed: 1,
      speed: 1,
      dataDir: 'd',
      limits: { create: { max: 600, windowMs: 60_000 } },
      faults: { 'answer-lost': 0.05, slow: 1 },
    })
  })

  it('name every mistake', () => {
    const flags = { ...usual, port: '70000', speed: 'x', limit: ['create'], fault: ['gremlins=1'] }
    const named = [/^--port 70000: /m, /^--speed x: /m, /^--limit create: /m, /^--fault gremlins=1: /m]
    for (const wrong of named) expect(() => readStandInFlags(flags)).toThrow(wrong)
  })
})
