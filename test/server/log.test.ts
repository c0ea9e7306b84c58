import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createLog, type Log } from '../../src/server/log.ts'
import { createLogSink } from '../../src/server/log-sink.ts'

const TOKEN = 'planted-"T0ken"/ä+42'
const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

interface Line {
  readonly [name: string]: unknown
}

/** A log, and the lines that it wrote. */
function planted(level: 'debug' | 'info' | 'silent' = 'debug'): { log: Log; lines: string[]; parsed: () => Line[] } {
  const lines: string[] = []
  const log = createLog({ level, secrets: [TOKEN], write: (line) => lines.push(line) })
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Line) }
}

/** What a line says beside level, time and process. */
function said(log: (log: Log) => void): Line {
  const { log: target, parsed } = planted()
  log(target)
  const [{ level: _level, time: _time, pid: _pid, ...rest } = {}] = parsed()
  return rest
}

describe('a log line', () => {
  it('is one line of JSON with level, ISO time, process, fields and message', () => {
    const { log, lines, parsed } = planted()
    log.warn({ run: 'run_1', ms: 12.5, ok: false, nothing: null }, 'two\nlines')
    expect(lines.map((line) => line.indexOf('\n'))).toEqual([(lines[0]?.length ?? 0) - 1])
    expect(parsed()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(AT),
        pid: process.pid,
        run: 'run_1',
        ms: 12.5,
        ok: false,
        nothing: null,
        message: 'two\nlines',
      },
    ])
  })

  it('is written from its level on', () => {
    const { log, parsed } = planted('info')
    log.debug({}, 'no')
    log.info({}, 'yes')
    log.error({}, 'yes')
    planted('silent').log.error({}, 'no')
    expect(parsed().map(({ level }) => level)).toEqual(['info', 'error'])
  })

  it('says what its parents say, and never two things by one name', () => {
    const { log, lines, parsed } = planted()
    log.child({ part: 'rest', pid: 1 }).child({ run: 'run_1' }).info({ level: 'x', message: 'y' }, 'm')
    expect(lines[0]?.match(/"(?:level|pid|message)":/g)).toHaveLength(3)
    expect(parsed()[0]).toMatchObject({ part: 'rest', run: 'run_1', pid_: 1, level_: 'x', message_: 'y', message: 'm' })
  })

  it('tells of an error with name, code, message, stack and cause', () => {
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    const error = Object.assign(new TypeError('no answer', { cause }), { code: 'holder-gone', other: 'not told' })
    expect(said((log) => log.error({ error }, 'm'))).toEqual({
      error: {
        name: 'TypeError',
        code: 'holder-gone',
        message: 'no answer',
        stack: expect.stringContaining('TypeError: no answer'),
        cause: {
          name: 'Error',
          code: 'ECONNREFUSED',
          message: 'refused',
          stack: expect.stringContaining('Error: refused'),
        },
      },
      message: 'm',
    })
  })

  it('has text cut at 2,000 characters, and what is wide or deep or circular cut too', () => {
    const deep = { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } }
    const round: Record<string, unknown> = { name: 'round' }
    round['self'] = round
    const line = said((log) => log.info({ text: 'x'.repeat(90_000), deep, round, list: new Array(300).fill(1) }, 'm'))
    expect(line).toMatchObject({
      text: `${'x'.repeat(2000)}…`,
      deep: { a: { a: { a: { a: { a: '[too deep]' } } } } },
      round: { name: 'round', self: '[circular]' },
    })
    expect(line['list']).toEqual([...new Array(100).fill(1), '[200 more]'])
  })

  it('holds nothing that a terminal obeys', () => {
    const { log, lines } = planted()
    log.info({ name: '\u001b[2J\u009b2J' }, 'a\u2028b\rc')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(lines.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/)
  })

  it('survives what cannot be read', () => {
    const hostile = {
      get thrown() {
        throw new Error('no')
      },
    }
    expect(said((log) => log.info({ hostile, call: () => 1, n: Number.NaN, big: 10n, at: new Date(0) }, 'm'))).toEqual({
      hostile: '[unreadable]',
      n: 'NaN',
      big: '10',
      at: '1970-01-01T00:00:00.000Z',
      message: 'm',
    })
  })
})

const failure = new Error(`GET /x?ticket=${encodeURIComponent(TOKEN)} with ${TOKEN}`, { cause: new Error(TOKEN) })
const SHAPES: Readonly<Record<string, (log: Log) => void>> = {
  'the message': (log) => log.info({}, `Bearer ${TOKEN} was refused`),
  'a field': (log) => log.info({ any: TOKEN }, 'm'),
  'the name of a field': (log) => log.info({ [TOKEN]: 1 }, 'm'),
  'a field deep inside': (log) => log.info({ a: [{ b: new Map([['c', { d: `x${TOKEN}y` }]]) }] }, 'm'),
  'an error, its stack and its cause': (log) => log.error({ error: failure }, 'm'),
  'several errors': (log) => log.error({ error: new AggregateError([failure], TOKEN) }, 'm'),
  headers: (log) => log.info({ headers: new Headers({ authorization: `Bearer ${encodeURIComponent(TOKEN)}` }) }, 'm'),
  'raw headers': (log) => log.info({ rawHeaders: ['Cookie', `session=${TOKEN}`] }, 'm'),
  'a URL': (log) => log.info({ url: new URL(`https://u:${encodeURIComponent(TOKEN)}@h/p?t=${TOKEN}#x`) }, 'm'),
  'JSON in a text': (log) => log.info({ body: JSON.stringify({ nested: JSON.stringify({ value: TOKEN }) }) }, 'm'),
  'the fields of a child': (log) => log.child({ who: TOKEN }).info({}, 'm'),
  'a set': (log) => log.info({ set: new Set([TOKEN]) }, 'm'),
  'the edge of what is cut': (log) => log.info({ a: 'x'.repeat(1990) + TOKEN, b: 'x'.repeat(19_990) + TOKEN }, 'm'),
  'the edge of what is read': (log) => log.info({ a: `/p?${'x'.repeat(19_980)} ${TOKEN}` }, 'm'),
}

describe('a known secret', () => {
  it.each(Object.keys(SHAPES))('is never seen, though it is in %s', (shape) => {
    const { log, lines } = planted()
    SHAPES[shape]?.(log)
    const text = lines.join('')
    const parts = ['T0ken', 'planted', '+42', '%2B42', 'ä']
    expect([lines.length, parts.filter((part) => text.includes(part))]).toEqual([1, []])
  })
})

describe('a secret that nobody named', () => {
  it('is known by the name of its field, at any depth', () => {
    const fields = {
      token: 'a',
      CODEGEN_API_TOKEN: 'b',
      headers: { authorization: 'c', 'set-cookie': ['d'], 'X-Api-Key': 'e' },
      list: [{ deep: { clientSecret: { f: 'f' }, password: 123, ticket: 'g' } }],
      tokenName: 'ci',
      token_present: true,
    }
    const R = '[redacted]'
    expect(said((log) => log.info(fields, 'm'))).toEqual({
      token: R,
      CODEGEN_API_TOKEN: R,
      headers: { authorization: R, 'set-cookie': R, 'X-Api-Key': R },
      list: [{ deep: { clientSecret: R, password: R, ticket: R } }],
      tokenName: 'ci',
      token_present: true,
      message: 'm',
    })
  })

  it.each([
    ['GET /v1/stream?ticket=abc HTTP/1.1', 'GET /v1/stream HTTP/1.1'],
    ['wss://me:pw@host:1/v1?x#y and https://h/p?q=1', 'wss://[redacted]@host:1/v1 and https://h/p'],
    ['Authorization: Digest abc\nnext', 'Authorization: [redacted]\nnext'],
    ['sent Bearer abc.def-123, refused', 'sent Bearer [redacted], refused'],
    ['{"access_token": "abc", "n": 1}', '{"access_token": [redacted], "n": 1}'],
    ['TROUPE_TOKEN=abc troupe serve', 'TROUPE_TOKEN=[redacted] troupe serve'],
    ["The token 'ci' may only read. Why?", "The token 'ci' may only read. Why?"],
  ])('is known by how it is written: %s', (text, expected) => {
    expect(said((log) => log.info({ text }, text))).toEqual({ text: expected, message: expected })
  })
})

describe('where a log goes', () => {
  it('may break without anybody noticing', () => {
    const log = createLog({
      level: 'info',
      write: () => {
        throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
      },
    })
    expect(() => log.child({ a: 1 }).error({}, 'nobody hears this')).not.toThrow()
  })

  it('takes lines at once, keeps them while the reader is busy, and counts those beyond 4 MB', async () => {
    const clock = createVirtualClock()
    let busy = false
    let text = ''
    const sink = createLogSink(2, clock, (_fd: number, bytes: NodeJS.ArrayBufferView | string) => {
      if (busy) throw Object.assign(new Error('busy'), { code: 'EAGAIN' })
      const part = Buffer.from(String(bytes)).subarray(0, 1_000_000)
      text += part.toString()
      return part.length
    })
    sink.write('first\n')
    expect(text).toBe('first\n')
    busy = true
    for (const letter of ['a', 'b', 'c', 'd', 'e']) sink.write(`${letter.repeat(999_999)}\n`)
    await clock.advance(1000)
    expect([text, clock.pending()]).toEqual(['first\n', 1])
    busy = false
    await clock.advance(1000)
    sink.write('last\n')
    const lines = text.split('\n').map((line) => (line.length > 1000 ? line.charAt(0) : line))
    const notice = '{"level":"warn","message":"1 lines were left out: nobody read them."}'
    expect([lines, clock.pending()]).toEqual([['first', 'a', 'b', 'c', 'd', notice, 'last', ''], 0])
  })

  it('is given up when its reader has gone', async () => {
    const clock = createVirtualClock()
    let calls = 0
    const sink = createLogSink(2, clock, () => {
      calls++
      throw Object.assign(new Error('gone'), { code: 'EPIPE' })
    })
    for (let i = 0; i < 3; i++) sink.write('x\n')
    sink.flush()
    expect([calls, clock.pending()]).toEqual([1, 0])
  })

  it('is standard error, the last lines of a process that exits at once included', async () => {
    const lines = 2000
    const script = `
      const { createLog } = await import(${JSON.stringify(fileURLToPath(new URL('../../src/server/log.ts', import.meta.url)))})
      const log = createLog({ level: 'info' })
      for (let n = 1; n <= ${lines}; n++) log.info({ n, filler: 'x'.repeat(200) }, 'line')
      process.exit(0)`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script])
    let text = ''
    child.stderr.on('data', (part: Buffer) => {
      text += part.toString()
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    const numbers = text.split('\n').flatMap((line) => (line === '' ? [] : [Number(JSON.parse(line).n)]))
    expect([code, numbers]).toEqual([0, Array.from({ length: lines }, (_, index) => index + 1)])
  })
})
