import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStandInStore } from '../../../src/backends/codegen/stand-in/store-file.ts'
import { DataFolderError } from '../../../src/domain/errors.ts'
import { createVirtualClock } from '../../../src/host/virtual-clock.ts'
import { asObject, createScene, ORGANIZATION, objects, promptFor } from './stand-in-client.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stand-in-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const clock = createVirtualClock()
const openHere = () => openStandInStore(folder, clock)
const codeOf = (error: unknown) => (error instanceof DataFolderError ? error.code : error)
const LINE = { v: 1, type: 'ban', id: 1, at: 5 } as const

describe('the file of the stand-in', () => {
  it('brings back every run, turn, stop and setting', async () => {
    const first = createScene({ store: await openHere() })
    const simulate = { durationMs: 1000, result: 'One.' }
    const id = await first.create(promptFor('run_a/a/1/1', { simulate }), { metadata: { x: [1, null] } })
    const stopped = await first.create(promptFor('run_a/b/1/1', { simulate: { outcome: 'never' } }))
    await first.clock.advance(1000)
    await first.resume(id, promptFor('run_a/a/1/2', { simulate: { durationMs: 1000 } }))
    await first.call('POST', `${ORGANIZATION}/agent/run/ban`, { agent_run_id: stopped })
    await first.call('POST', `${ORGANIZATION}/webhooks/agent-run`, { url: 'https://hooks.invalid/a', secret: 's' })
    await first.clock.advance(500)
    const before = [await first.list(), await first.logs(id), first.standIn.creations(), first.standIn.turns()]
    await first.standIn.close()

    const second = createScene({ store: await openHere(), seed: 99, speed: 7 })
    await second.clock.advance(1500)
    const after = [await second.list(), await second.logs(id), second.standIn.creations(), second.standIn.turns()]
    expect(after).toEqual(before)
    await second.clock.advance(500)
    expect((await second.read(id))['status']).toBe('COMPLETE')
    expect((await second.call('GET', `${ORGANIZATION}/webhooks/agent-run`)).body).toEqual({
      url: 'https://hooks.invalid/a',
      enabled: true,
      has_secret: true,
    })
    expect(await second.create(promptFor('run_a/c/1/1'))).toBe(stopped + 1)
    await second.standIn.close()
  })

  it('holds a run before its create is answered, and is for its owner only', async () => {
    const { create, standIn } = createScene({ store: await openHere() })
    await Promise.all(['a', 'b', 'c'].map((task) => create(promptFor(`run_a/${task}/1/1`))))
    const path = join(folder, 'runs.ndjson')
    const ids = (await readFile(path, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => asObject(JSON.parse(line))['id'])
    expect([ids, (await stat(path)).mode & 0o777]).toEqual([[41001, 41002, 41003], 0o600])
    await standIn.close()
  })

  it('cuts a torn last line and goes on behind the whole ones', async () => {
    const first = await openHere()
    await first.append(LINE)
    await first.close()
    await appendFile(join(folder, 'runs.ndjson'), '{"v":1,"type":"create","prompt":"\u{1f3ad}'.slice(0, -1))
    const second = await openHere()
    await second.append({ ...LINE, id: 2 })
    await second.close()
    const third = await openHere()
    expect([second.past, third.past]).toEqual([[LINE], [LINE, { ...LINE, id: 2 }]])
    await third.close()
  })

  it.each([
    ['a damaged line', 'nonsense\n', 'data-folder-damaged'],
    ['an unknown line', '{"v":1,"type":"dance","at":1}\n', 'data-folder-damaged'],
    ['a newer format', '{"v":2,"type":"ban","id":1,"at":1}\n', 'data-folder-newer-format'],
  ])('is refused with %s, and left as it is', async (_title, text, code) => {
    const path = join(folder, 'runs.ndjson')
    await writeFile(path, text)
    expect(await openHere().catch(codeOf)).toBe(code)
    expect([await readFile(path, 'utf8'), await readdir(folder)]).toEqual([text, ['runs.ndjson']])
  })

  it('says so when the folder cannot be made', async () => {
    await writeFile(join(folder, 'file'), '')
    expect(await openStandInStore(join(folder, 'file', 'stand-in'), clock).catch(codeOf)).toBe('data-folder-failed')
  })

  it('refuses a request it cannot write, and shows nothing of it', async () => {
    const store = await openHere()
    const { call, list, standIn } = createScene({ store })
    await store.close()
    const { status } = await call('POST', `${ORGANIZATION}/agent/run`, { prompt: promptFor('run_a/a/1/1') })
    expect([status, objects((await list())['items']), standIn.creations()]).toEqual([500, [], {}])
  })

  it('is refused to a second one in the same process until the first lets it go', async () => {
    const first = await openHere()
    expect(await openHere().catch(codeOf)).toBe('data-folder-locked')
    await first.close()
    const second = await openHere()
    await second.close()
    await second.close()
    expect(await readdir(folder)).toEqual(['runs.ndjson'])
  })

  it('goes to exactly one of many who open it at once', async () => {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'runs.lock.7'), '{"pid":4194305,"started":"1","serial":1}')
    const opened = await Promise.allSettled(Array.from({ length: 12 }, openHere))
    const won = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const lost = opened.flatMap((one) => (one.status === 'rejected' ? [codeOf(one.reason)] : []))
    expect([won.length, lost]).toEqual([1, Array.from({ length: 11 }, () => 'data-folder-locked')])
    for (const store of won) await store.close()
    expect(await readdir(folder)).toEqual(['runs.ndjson'])
  })

  it('is not kept by a process id that was used again', async () => {
    await writeFile(join(folder, 'runs.lock.1'), `{"pid":${process.pid},"started":"1","serial":0}`)
    await writeFile(join(folder, 'runs.lock.2'), 'torn')
    const store = await openHere()
    await store.close()
    expect(await readdir(folder)).toEqual(['runs.ndjson'])
  })
})

describe('a stand-in that is killed', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL')
    children.length = 0
  })

  it('keeps its file while it lives, leaves it when it dies, and has lost nothing that it answered', async () => {
    const child = writeUntilKilled(folder)
    children.push(child)
    const acknowledged: number[] = []
    const lines = createInterface({ input: child.stdout })
    const enough = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        acknowledged.push(Number(line))
        if (acknowledged.length === 25) resolve()
      })
    })
    await enough
    expect(await openHere().catch(codeOf)).toBe('data-folder-locked')
    child.kill('SIGKILL')
    await once(child, 'close')
    const store = await openHere()
    const kept = store.past.map((line) => line.at)
    expect(kept.slice(0, acknowledged.length)).toEqual(acknowledged)
    expect(kept.length - acknowledged.length).toBeLessThanOrEqual(1)
    await store.close()
    expect(await readdir(folder)).toEqual(['runs.ndjson'])
  })

  function writeUntilKilled(where: string) {
    const source = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
    const program = `
      const { openStandInStore } = await import(${source('backends/codegen/stand-in/store-file.ts')})
      const { realClock } = await import(${source('host/clock.ts')})
      const store = await openStandInStore(${JSON.stringify(where)}, realClock)
      for (let at = 1; ; at++) {
        await store.append({ v: 1, type: 'ban', id: 1, at })
        console.log(at)
      }`
    return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }
})
