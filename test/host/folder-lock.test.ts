import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, readdir, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { createServer, get, type Server } from 'node:http'
import { createServer as createNetServer, type Server as NetServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/domain/clock.ts'
import { DataFolderError } from '../../src/domain/errors.ts'
import { realClock } from '../../src/host/clock.ts'
import { controlSocketPath, probeHolder } from '../../src/host/control-socket.ts'
import { type FolderLock, takeFolderLock } from '../../src/host/folder-lock.ts'
import type { StarterRequest } from './folder-starter.ts'
import { temporaryFolder } from './temporary-folder.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** The real clock, fifty times as fast: who does not answer is found out in 100 ms, a place settles in 3. */
const fastClock: Clock = { ...realClock, setTimeout: (fn, ms) => realClock.setTimeout(fn, ms / 50) }

function answering(): Server {
  return createServer((_, response) => response.end('here'))
}

async function take(folder: string, server = answering(), clock = fastClock): Promise<FolderLock> {
  const lock = await takeFolderLock({ folder, server, clock })
  cleanups.push(() => lock.release())
  return lock
}

async function refusal(folder: string): Promise<DataFolderError> {
  const error: unknown = await take(folder).catch((reason: unknown) => reason)
  if (error instanceof DataFolderError) return error
  throw new Error('the folder was given')
}

/** A socket as a killed process leaves it behind. */
async function leaveDeadSocket(path: string): Promise<void> {
  const server = createNetServer().listen(`${path}.x`)
  await once(server, 'listening')
  await link(`${path}.x`, path)
  server.close()
  await once(server, 'close')
}

async function listenAt(path: string, server: NetServer): Promise<void> {
  server.listen(path)
  await once(server, 'listening')
  cleanups.push(() => server.close())
}

describe('taking a data folder', () => {
  it('makes this process the one that listens, until it lets go', async () => {
    const folder = await temporaryFolder()
    expect(await probeHolder(folder)).toBe('none')
    const lock = await take(folder)
    expect([await readdir(folder), lock.socketPath]).toEqual([['control.sock'], join(folder, 'control.sock')])
    expect((await stat(lock.socketPath)).mode & 0o777).toBe(0o600)
    expect(await probeHolder(folder)).toBe('alive')
    await lock.check()
    await Promise.all([lock.release(), lock.release()])
    expect([await readdir(folder), await probeHolder(folder)]).toEqual([[], 'none'])
    await take(folder)
  })

  it('is refused while somebody has it, and leaves no trace', async () => {
    const folder = await temporaryFolder()
    const lock = await take(folder)
    const error = await refusal(folder)
    expect([error.code, error.folder, error.message]).toEqual([
      'data-folder-locked',
      folder,
      `Another troupe holds ${folder} (it listens on control.sock there). Ask that one, wait until it ends, or choose another --data-dir.`,
    ])
    await lock.check()
    expect(await readdir(folder)).toEqual(['control.sock'])
  })

  it('says so when the holder accepts but does not answer', async () => {
    const folder = await temporaryFolder()
    await listenAt(join(folder, 'control.sock'), createNetServer())
    expect(await probeHolder(folder, fastClock)).toBe('silent')
    const error = await refusal(folder)
    expect([error.code, error.message]).toEqual([
      'data-folder-locked',
      `A process holds ${folder} but does not answer. If it is stopped, let it go on or end it (it listens on control.sock there), or choose another --data-dir.`,
    ])
    expect(await readdir(folder)).toEqual(['control.sock'])
  })

  it('takes one that hangs up or talks nonsense as silent', async () => {
    const [hangsUp, nonsense] = [await temporaryFolder(), await temporaryFolder()]
    await listenAt(
      join(hangsUp, 'control.sock'),
      createNetServer((socket) => socket.destroy()),
    )
    await listenAt(
      join(nonsense, 'control.sock'),
      createNetServer((socket) => socket.end('SSH-2.0\r\n')),
    )
    expect([await probeHolder(hangsUp, fastClock), await probeHolder(nonsense, fastClock)]).toEqual([
      'silent',
      'silent',
    ])
  })

  it('takes any answer as a sign of life', async () => {
    const folder = await temporaryFolder()
    await take(
      folder,
      createServer((_, response) => response.writeHead(503).end()),
    )
    expect(await probeHolder(folder)).toBe('alive')
  })

  it('takes over from a dead holder, and from a file in its place', async () => {
    const folder = await temporaryFolder()
    await leaveDeadSocket(join(folder, 'control.sock'))
    await unlink(join(folder, 'control.sock.x')).catch(() => {})
    expect(await probeHolder(folder)).toBe('none')
    const lock = await take(folder)
    await lock.release()
    await writeFile(join(folder, 'control.sock'), 'not a socket')
    await (await take(folder)).check()
  })

  it('clears away the private names of dead starters, not those of living or young ones', async () => {
    const folder = await temporaryFolder()
    const old = new Date(Date.now() - 3_600_000)
    for (const name of ['.sdead.0', '.syoung.1']) await leaveDeadSocket(join(folder, name))
    await listenAt(join(folder, '.salive.2'), answering())
    for (const name of ['.sdead.0', '.salive.2']) await utimes(join(folder, name), old, old)
    await take(folder)
    expect((await readdir(folder)).filter((name) => !name.endsWith('.x'))).toEqual([
      '.salive.2',
      '.syoung.1',
      'control.sock',
    ])
  })

  it('fails with a clear word where there is no folder', async () => {
    const folder = join(await temporaryFolder(), 'missing')
    expect((await refusal(folder)).message).toMatch(/^Cannot take the data folder in .*missing: /)
  })

  it('works in a folder whose path is too long for a socket, by a private short path', async () => {
    const folder = join(await temporaryFolder(), 'a'.repeat(120))
    await mkdir(folder)
    const path = await controlSocketPath(folder)
    cleanups.push(() => rm(join(path, '..', '..'), { recursive: true, force: true }))
    expect(path.length).toBeLessThan(100)
    expect((await stat(join(path, '..', '..'))).mode & 0o777).toBe(0o700)
    const lock = await take(folder)
    expect([lock.socketPath, await readdir(folder)]).toEqual([path, ['control.sock']])
    expect((await refusal(folder)).code).toBe('data-folder-locked')
    await rm(join(path, '..', '..'), { recursive: true })
    await lock.check()
    expect(await probeHolder(folder)).toBe('alive')
    await lock.release()
    expect(await readdir(folder)).toEqual([])
  })
})

describe('holding a data folder', () => {
  it('is lost for good when somebody takes its place, and does not take that away', async () => {
    const folder = await temporaryFolder()
    const lock = await take(folder)
    await unlink(join(folder, 'control.sock'))
    await expect(lock.check()).rejects.toThrow(
      `${join(folder, 'control.sock')} was removed, so another process may take ${folder}. This one stops without another effect; 'troupe resume' goes on.`,
    )
    const other = await take(folder)
    await expect(lock.check()).rejects.toThrow('was removed')
    await lock.release()
    await other.check()
    expect(await probeHolder(folder)).toBe('alive')
  })

  it('is noticed as lost when another socket has the name', async () => {
    const folder = await temporaryFolder()
    const lock = await take(folder)
    await unlink(join(folder, 'control.sock'))
    await take(folder)
    await expect(lock.check()).rejects.toThrow(`Another process has taken ${folder}.`)
  })

  it('ends although a client keeps its connection open', async () => {
    const folder = await temporaryFolder()
    const server = createServer((_, response) => response.write('for ever'))
    const lock = await take(folder, server)
    const response = await new Promise<NodeJS.EventEmitter>((resolve, reject) => {
      get({ socketPath: lock.socketPath, path: '/events' }, resolve).on('error', reject)
    })
    response.on('error', () => {})
    const closed = new Promise((resolve) => response.on('close', resolve))
    response.on('data', () => {})
    await lock.release()
    await closed
    expect(server.listening).toBe(false)
  })
})

describe('several processes', () => {
  async function starters(count: number): Promise<ChildProcess[]> {
    const file = fileURLToPath(new URL('./folder-starter.ts', import.meta.url))
    const children = Array.from({ length: count }, () => fork(file, { execArgv: ['--import', 'tsx'] }))
    cleanups.push(() => children.map((child) => child.kill('SIGKILL')))
    await Promise.all(children.map((child) => once(child, 'message')))
    return children
  }

  async function ask(child: ChildProcess, request: StarterRequest): Promise<string> {
    child.send(request)
    const [reply] = await once(child, 'message')
    return String(reply)
  }

  it('that start at once on a dead socket: exactly one has the folder, ten times over', async () => {
    const children = await starters(8)
    for (let round = 0; round < 10; round++) {
      const folder = await temporaryFolder()
      if (round > 0) await leaveDeadSocket(join(folder, 'control.sock'))
      const replies = await Promise.all(children.map((child) => ask(child, { take: folder })))
      expect([...replies].sort()).toEqual([...Array(7).fill('data-folder-locked'), 'ok'])
      const winner = children[replies.indexOf('ok')]
      if (winner === undefined) throw new Error('nobody won')
      expect(await ask(winner, 'check')).toBe('ok')
      expect(await ask(winner, 'release')).toBe('ok')
    }
  })

  it('lose the folder when killed, and keep it while stopped', async () => {
    const [child] = await starters(1)
    if (child === undefined) throw new Error('no process')
    const folder = await temporaryFolder()
    expect(await ask(child, { take: folder })).toBe('ok')
    child.kill('SIGSTOP')
    expect((await refusal(folder)).message).toContain('does not answer')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await readdir(folder)).toEqual(['control.sock'])
    await (await take(folder)).check()
  })
})
