import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BackendError, DataFolderError } from '../../src/domain/errors.ts'
import type { Limiter } from '../../src/domain/limiter.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { type LimitNotebook, openLimitNotebook } from '../../src/limits/limit-notebook.ts'
import { createLimiter } from '../../src/limits/limiter.ts'
import { toFolderError } from '../../src/limits/notebook-file.ts'
import { never } from './slot-requests.ts'

const START = 1_000_000
const CREATE = 'codegen.create'
const LIMIT = { max: 2, windowMs: 60_000 }

let folder = ''
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'troupe-limits-')), 'limits')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

/** A process that holds the folder; it dies by being forgotten. */
async function start(clock = createVirtualClock(START)): Promise<{ limiter: Limiter; notebook: LimitNotebook }> {
  const notebook = await openLimitNotebook(folder, clock)
  const limiter = createLimiter({ clock, notebook })
  limiter.setBucket(CREATE, 'provider', LIMIT)
  return { limiter, notebook }
}

function send(limiter: Limiter, work: () => Promise<unknown> = async () => 'sent', buckets = [CREATE]) {
  return limiter.call(buckets, work, never())
}

function unanswered(): Promise<never> {
  return new Promise(() => undefined)
}

function text(): string {
  return readFileSync(join(folder, 'codegen.ndjson'), 'utf8')
}

describe('limit notebook', () => {
  it('makes a restarted process go on with the same windows', async () => {
    const clock = createVirtualClock(START)
    const first = await start(clock)
    await send(first.limiter)
    await clock.advance(10_000)
    await send(first.limiter)
    await clock.advance(1_000)
    const second = await start(clock)
    expect(second.limiter.room(CREATE)).toEqual({ free: 0, nextAt: START + 60_001 })
    await clock.advance(49_001)
    expect(second.limiter.room(CREATE)).toEqual({ free: 1, nextAt: START + 70_001 })
  })

  it('counts a call that was in flight when the process ended as on its way for 5 s after the restart, and no longer', async () => {
    const clock = createVirtualClock(START)
    const first = await start(clock)
    void send(first.limiter, unanswered)
    await clock.advance(20_000)
    const second = await start(clock)
    await clock.advance(10_000)
    const third = await start(clock)
    const nextAt = START + 25_000 + 60_001
    expect(second.limiter.room(CREATE)).toEqual({ free: 1, nextAt })
    expect(third.limiter.room(CREATE)).toEqual({ free: 1, nextAt })
  })

  it('notes a call before it is sent and its answer after', async () => {
    const clock = createVirtualClock(START)
    const { limiter } = await start(clock)
    let before = ''
    await send(limiter, async () => {
      before = text()
      await clock.operation(Promise.resolve())
    })
    expect(before).toEqual(`{"v":1}\n{"s":1,"b":["${CREATE}"],"t":${START},"w":60000}\n`)
    expect(text()).toEqual(`${before}{"a":1,"t":${START}}\n`)
  })

  it('keeps a bucket closed for no longer because the clock was set back before the restart', async () => {
    const first = await start()
    const limit = new BackendError('Slow down', {
      kind: 'limit',
      retryable: true,
      certain: true,
      status: 429,
      notBefore: START + 10_000,
    })
    await send(first.limiter, () => Promise.reject(limit)).catch(() => undefined)
    const setBack = START - 3_600_000
    const second = await start(createVirtualClock(setBack))
    expect(second.limiter.room(CREATE).nextAt).toEqual(setBack + 10_000)
  })

  it('keeps a bucket closed over a restart, with its back-off', async () => {
    const clock = createVirtualClock(START)
    const first = await start(clock)
    const refused = new BackendError('Too many.', { kind: 'limit', retryable: true, certain: true })
    const refuse = async (limiter: Limiter) => {
      const call = send(limiter, () => Promise.reject(refused)).catch(() => undefined)
      await clock.runUntil(call)
    }
    await refuse(first.limiter)
    const second = await start(clock)
    expect(second.limiter.waiting('x')).toEqual(undefined)
    const { closedUntil } = bucketView(second.limiter)
    expect(closedUntil).toEqual(START + 2_000)
    await refuse(second.limiter)
    expect(bucketView(second.limiter)['closedUntil']).toEqual(START + 2_000 + 4_000)
  })

  it('forgets what has expired when it is opened', async () => {
    const clock = createVirtualClock(START)
    const first = await start(clock)
    await send(first.limiter)
    await clock.advance(30_000)
    await send(first.limiter)
    await clock.advance(30_002)
    await start(clock)
    expect(text()).toEqual(`{"v":1}\n{"d":${START + 30_000},"b":["${CREATE}"],"w":60000}\n`)
  })

  it('ignores a torn last line and lines that are not its own', async () => {
    const clock = createVirtualClock(START)
    const first = await start(clock)
    await send(first.limiter)
    first.notebook.close()
    const path = join(folder, 'codegen.ndjson')
    appendFileSync(
      path,
      '\u0000\u0000\n{"s":"no"}\n[1]\nnull\n{"a":99,"t":5}\n{"s":7,"b":["codegen.create"],"t":1000000,',
    )
    const second = await start(clock)
    expect(second.limiter.room(CREATE)).toEqual({ free: 1, nextAt: START + 60_001 })
  })

  it('takes a time in the future for now: neither blocked for ever nor a burst', async () => {
    const later = createVirtualClock(START + 3_600_000)
    const first = await start(later)
    await send(first.limiter)
    void send(first.limiter, unanswered)
    const second = await start(createVirtualClock(START))
    expect(second.limiter.room(CREATE)).toEqual({ free: 0, nextAt: START + 60_001 })
  })

  it('keeps a file an account, named safely, and notes a call in the file of each of its accounts', async () => {
    const clock = createVirtualClock(START)
    const { limiter } = await start(clock)
    const names = ['codegen.create', 'a/b.x', '.hidden']
    for (const name of names) limiter.setBucket(name, 'provider', LIMIT)
    await send(limiter, async () => 'sent', names)
    expect(readdirSync(folder).sort()).toEqual(['_.ndjson', 'a_b.ndjson', 'codegen.ndjson'])
    expect(statSync(join(folder, 'codegen.ndjson')).mode & 0o777).toEqual(0o600)
    const second = await start(clock)
    expect(second.notebook.past.map(({ bucket, answers }) => [bucket, answers]).sort()).toEqual(
      names.map((name) => [name, [START]]).sort(),
    )
  })

  it('does not note calls of buckets without limit', async () => {
    const { limiter } = await start()
    limiter.setBucket(CREATE, 'provider', 'none')
    await send(limiter)
    expect(readdirSync(folder)).toEqual([])
  })

  it('keeps an answer for as long as the longest window, though a run set that', async () => {
    const clock = createVirtualClock(START)
    const first = await start(clock)
    first.limiter.setBucket(CREATE, 'run_1', { max: 1, windowMs: 3_600_000 })
    await send(first.limiter)
    await clock.advance(1_800_000)
    const second = await start(clock)
    second.limiter.setBucket(CREATE, 'run_1', { max: 1, windowMs: 3_600_000 })
    expect(second.limiter.room(CREATE)).toEqual({ free: 0, nextAt: START + 3_600_001 })
  })

  it('writes itself anew when it has grown to 4 MB, and forgets no call in flight', async () => {
    const clock = createVirtualClock(START)
    const notebook = await openLimitNotebook(folder, clock)
    notebook.sent([CREATE], START, 3_600_000)
    const padding = `${CREATE}${'x'.repeat(20_000)}`
    let longest = 0
    for (let i = 0; i < 250; i++) {
      notebook.answered(notebook.sent([padding], START + i, 1), START + i)
      longest = Math.max(longest, statSync(join(folder, 'codegen.ndjson')).size)
      await clock.advance(10)
    }
    expect(longest).toBeGreaterThan(4_000_000)
    expect(statSync(join(folder, 'codegen.ndjson')).size).toBeLessThan(2_000_000)
    const { past } = await openLimitNotebook(folder, clock)
    expect(past).toEqual([{ bucket: CREATE, answers: [clock.now() + 5_000], keepMs: 3_600_000 }])
  })

  it('refuses a file of a newer format and leaves it as it is', async () => {
    await start()
    writeFileSync(join(folder, 'codegen.ndjson'), '{"v":2}\n')
    const opened = openLimitNotebook(folder, createVirtualClock(START))
    await expect(opened).rejects.toSatisfy((error) => codeOf(error) === 'data-folder-newer-format')
    expect(text()).toEqual('{"v":2}\n')
  })

  it.each([
    ['ENOSPC', 'data-folder-full'],
    ['EDQUOT', 'data-folder-full'],
    ['EROFS', 'data-folder-read-only'],
    ['EACCES', 'data-folder-read-only'],
    ['EIO', 'data-folder-failed'],
  ])('calls the trouble of a file error %s %s, and keeps the cause', (code, expected) => {
    const cause = Object.assign(new Error(`${code}: it went wrong`), { code })
    const error = toFolderError(cause, 'D', 'Cannot note a call')
    expect([error.code, error.folder, error.cause]).toEqual([expected, 'D', cause])
    expect(error.message).toContain('Cannot note a call')
  })

  it('says that a folder cannot be made', async () => {
    writeFileSync(join(folder, '..', 'file'), '')
    const opened = openLimitNotebook(join(folder, '..', 'file', 'limits'), createVirtualClock(START))
    await expect(opened).rejects.toSatisfy((error) => codeOf(error) === 'data-folder-failed')
  })
})

describe('a call that cannot be noted', () => {
  const full = new DataFolderError('full', 'D', 'the disk is full')
  const broken: LimitNotebook = {
    past: [],
    circuits: [],
    sent: () => {
      throw full
    },
    answered: () => undefined,
    closed: () => undefined,
    circuit: () => undefined,
    close: () => undefined,
  }

  it('is not sent, takes no place, and may be sent later: a full disk is no verdict on an agent', async () => {
    const limiter = createLimiter({ clock: createVirtualClock(START), notebook: broken })
    limiter.setBucket(CREATE, 'provider', LIMIT)
    let sent = 0
    const call = send(limiter, async () => sent++)
    const details = { kind: 'unreachable', retryable: true, certain: true, cause: full } as const
    await expect(call).rejects.toEqual(new BackendError('the disk is full', details))
    expect(sent).toEqual(0)
    expect(limiter.room(CREATE)).toEqual({ free: 2, nextAt: null })
  })
})

function bucketView(limiter: Limiter): Record<string, unknown> {
  const buckets = limiter.view()['buckets']
  if (typeof buckets !== 'object' || buckets === null || Array.isArray(buckets)) return {}
  const bucket = Object.entries(buckets).find(([name]) => name === CREATE)?.[1]
  return typeof bucket === 'object' ? { ...bucket } : {}
}

function codeOf(error: unknown): string | undefined {
  return error instanceof DataFolderError ? error.code : undefined
}
