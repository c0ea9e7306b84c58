import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readlink, realpath, symlink, unlink } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Clock, sleep } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import { realClock } from './clock.ts'
import { errorCode } from './folder-trouble.ts'

/** Longer socket paths are cut silently by the system, and then lead elsewhere. */
const LONGEST_PATH_BYTES = 100
const SOCKET = 'control.sock'
const ANSWER_WITHIN_MS = 5_000
/** A holder that hangs up without an answer is about to end: it is asked again. */
const HANG_UPS = 3
const HANG_UP_PAUSE_MS = 50

/** Who listens on a data folder's socket. `silent`: somebody does, but does not answer. */
export type Holder = 'none' | 'alive' | 'silent'

/**
 * Where the holder of a data folder listens, as a path to connect to. It is DATA/control.sock; where that is too long for
 * a socket's address, the same file by way of a short link in a private folder of the system's temporary one.
 *
 * @throws DataFolderError when the private folder belongs to somebody else.
 */
export async function controlSocketPath(folder: string): Promise<string> {
  return join((await socketPlace(folder)).short, SOCKET)
}

/**
 * Asks whoever listens on a data folder's socket for GET /healthz; any answer counts. Throws DataFolderError when the socket
 * may not be used.
 */
export async function probeHolder(folder: string, clock: Clock = realClock): Promise<Holder> {
  return probeSocket(await controlSocketPath(folder), folder, clock)
}

/** {@link probeHolder} for a known socket. `folder` names it in errors. */
export async function probeSocket(socketPath: string, folder: string, clock: Clock): Promise<Holder> {
  for (let hangUps = 1; ; hangUps++) {
    const answer = await ask(socketPath, clock)
    if (answer === 'hung-up' && hangUps < HANG_UPS) {
      await sleep(clock, HANG_UP_PAUSE_MS)
      continue
    }
    if (answer === 'hung-up') return 'silent'
    if (typeof answer !== 'string') throw unusable(folder, answer)
    return answer
  }
}

/** The folder of a socket, by two paths. */
export interface SocketPlace {
  /** The data folder itself: for calls on files. */
  readonly real: string
  /** Short enough for listening and connecting; a temporary link that a cleaner may remove at any time. */
  readonly short: string
}

/** Where a data folder's sockets lie. Makes the short path where one is needed. Throws DataFolderError. */
export async function socketPlace(folder: string): Promise<SocketPlace> {
  const real = await realpath(folder).catch(() => resolve(folder))
  if (Buffer.byteLength(join(real, SOCKET)) <= LONGEST_PATH_BYTES) return { real, short: real }
  const name = createHash('sha256').update(real).digest('hex').slice(0, 16)
  const holder = join(tmpdir(), `troupe-${process.getuid?.() ?? 'user'}-${name}`)
  await makePrivateFolder(holder, folder)
  const link = join(holder, 'd')
  await makeLink(link, real)
  return { real, short: link }
}

async function makePrivateFolder(path: string, folder: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw unusable(folder, error)
  }
  const found = await lstat(path)
  const mine = process.getuid === undefined || found.uid === process.getuid()
  if (!found.isDirectory() || !mine) {
    throw unusable(folder, new Error(`${path} is not a folder of this user`))
  }
  if ((found.mode & 0o077) !== 0) await chmod(path, 0o700)
}

/** Several processes may do this at once; all make the same link. */
async function makeLink(link: string, target: string): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    if ((await readlink(link).catch(() => undefined)) === target) return
    await unlink(link).catch(() => {})
    await symlink(target, link).catch(() => {})
  }
  if ((await readlink(link)) !== target) throw unusable(target, new Error(`${dirname(link)} cannot be used`))
}

function ask(socketPath: string, clock: Clock): Promise<Holder | 'hung-up' | Error> {
  return new Promise((answer) => {
    let connected = false
    const settle = (holder: Holder | 'hung-up' | Error) => {
      clock.clearTimeout(timer)
      question.destroy()
      answer(holder)
    }
    const timer = clock.setTimeout(() => settle('silent'), ANSWER_WITHIN_MS)
    const question = request({ socketPath, path: '/healthz', headers: { host: 'localhost' }, agent: false })
    question.on('socket', (socket) => {
      socket.once('connect', () => {
        connected = true
      })
    })
    question.on('response', (response) => {
      response.on('error', () => {})
      settle('alive')
    })
    question.on('error', (error) => settle(meaningOf(error, connected)))
    question.end()
  })
}

function meaningOf(error: Error, connected: boolean): Holder | 'hung-up' | Error {
  const code = errorCode(error)
  if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ENOTDIR') return 'none'
  if (code === 'EAGAIN' || code?.startsWith('HPE_')) return 'silent'
  return connected || code === 'ECONNRESET' || code === 'EPIPE' ? 'hung-up' : error
}

function unusable(folder: string, cause: unknown): DataFolderError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `Cannot reach whoever holds ${folder}: ${reason}. Run as the same user, or choose another --data-dir.`
  return new DataFolderError('failed', folder, message, { cause })
}
