import { readdir, stat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type Clock, sleep } from '../domain/clock.ts'
import { DataFolderError } from '../domain/errors.ts'
import { controlSocketPath, type Holder, probeSocket, type SocketPlace, socketPlace } from './control-socket.ts'
import { errorCode, toDataFolderError } from './folder-trouble.ts'
import { isPrivateName, OwnSocket } from './own-socket.ts'

/** A hold on a data folder: this process listens on its socket, and nobody else does. */
export interface FolderLock {
  /** Where to connect to. */
  readonly socketPath: string
  /** Costs one stat. Rejects with DataFolderError `lost` once somebody else has the folder: stop without another effect. */
  check(): Promise<void>
  /** Lets the folder go and closes the server. What has not been sent within a second is dropped. */
  release(): Promise<void>
}

/** Settings of {@link takeFolderLock}. */
export interface FolderLockOptions {
  /** The data folder; it exists. */
  readonly folder: string
  /** Not yet listening. It answers GET /healthz, whatever it says. */
  readonly server: Server
  readonly clock: Clock
}

const SETTLE_MS = 150
const GOODBYE_MS = 1_000
/** Others may remove, take or give up the socket between two of our steps. */
const TRIES = 20
/** A younger private name may belong to a starter that is about to listen. */
const LEFTOVER_AGE_MS = 10_000

/**
 * Takes a data folder: listens on a private name, then gives that the name of the folder's socket. Of two that do so at
 * once, one has it in the end; `check` tells the other.
 *
 * @throws DataFolderError `locked` when somebody else has it, `read-only`, `full` or `failed` when no socket can be made.
 */
export async function takeFolderLock(options: FolderLockOptions): Promise<FolderLock> {
  const { folder, server, clock } = options
  const connections = track(server)
  let ours: OwnSocket | undefined
  try {
    const place = await socketPlace(folder)
    const socketPath = await controlSocketPath(folder)
    ours = await OwnSocket.listen(server, place)
    await publish(ours, socketPath, folder, clock)
    await Promise.all([sleep(clock, SETTLE_MS), removeLeftovers(place, folder, clock)])
    if (!ours.isPublished()) throw locked(folder, 'alive')
    return new HeldFolder(options, ours, socketPath, connections)
  } catch (error) {
    ours?.withdraw()
    await closeServer(server, connections, clock)
    throw toDataFolderError(error, folder, 'Cannot take the data folder')
  }
}

class HeldFolder implements FolderLock {
  readonly socketPath: string
  private readonly options: FolderLockOptions
  private readonly ours: OwnSocket
  private readonly connections: Connections
  private lost: DataFolderError | undefined
  private releasing: Promise<void> | undefined

  constructor(options: FolderLockOptions, ours: OwnSocket, socketPath: string, connections: Connections) {
    this.options = options
    this.ours = ours
    this.socketPath = socketPath
    this.connections = connections
  }

  async check(): Promise<void> {
    if (this.lost !== undefined) throw this.lost
    const { folder, clock } = this.options
    const found = await clock.operation(
      stat(this.ours.publicPath, { bigint: true }).catch((error: unknown) => {
        if (errorCode(error) === 'ENOENT') return undefined
        throw toDataFolderError(error, folder, 'Cannot see who holds the data folder')
      }),
    )
    if (found !== undefined && this.ours.is(found)) return
    const what =
      found === undefined
        ? `${this.ours.publicPath} was removed, so another process may take ${folder}`
        : `Another process has taken ${folder}`
    const message = `${what}. This one stops without another effect; 'troupe resume' goes on.`
    this.lost = new DataFolderError('lost', folder, message)
    throw this.lost
  }

  release(): Promise<void> {
    this.ours.withdraw()
    this.releasing ??= closeServer(this.options.server, this.connections, this.options.clock)
    return this.releasing
  }
}

/** Gives our socket the folder's name; throws `locked` when that belongs to somebody who lives. */
async function publish(ours: OwnSocket, socketPath: string, folder: string, clock: Clock): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await ours.publish()) return
    const asked = ours.current()
    const holder = await probeSocket(socketPath, folder, clock)
    if (holder !== 'none') throw locked(folder, holder)
    if (asked !== undefined && ours.replace(asked)) return
  }
  throw locked(folder, 'silent')
}

/** Private names of starters that died before they had the folder. */
async function removeLeftovers(place: SocketPlace, folder: string, clock: Clock): Promise<void> {
  for (const name of (await readdir(place.real)).filter(isPrivateName)) {
    const path = join(place.real, name)
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || clock.now() - found.mtimeMs < LEFTOVER_AGE_MS) continue
    const holder = await probeSocket(join(place.short, name), folder, clock).catch(() => 'silent')
    if (holder === 'none') await unlink(path).catch(() => {})
  }
}

/** Connections of a server, and those of them that became streams. */
interface Connections {
  readonly all: ReadonlySet<Socket>
  readonly streams: ReadonlySet<Duplex>
}

function track(server: Server): Connections {
  const all = new Set<Socket>()
  const streams = new Set<Duplex>()
  server.on('connection', (socket) => {
    all.add(socket)
    socket.once('close', () => all.delete(socket))
  })
  server.on('upgrade', (_request, socket) => {
    streams.add(socket)
    socket.once('close', () => streams.delete(socket))
  })
  return { all, streams }
}

/**
 * Whoever has asked gets an answer, if there is one within a second: a connection that breaks leaves its client in doubt about what it
 * asked for. Streams are ended here, since the server no longer knows them.
 */
async function closeServer(server: Server, { all, streams }: Connections, clock: Clock): Promise<void> {
  if (!server.listening) return
  // Those who connected a moment ago are taken in first.
  await new Promise((resolve) => setImmediate(resolve))
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  server.closeIdleConnections()
  for (const socket of streams) endSoon(socket)
  const timer = clock.setTimeout(() => {
    for (const socket of all) socket.destroy()
  }, GOODBYE_MS)
  await closed
  clock.clearTimeout(timer)
}

/** Ends a stream once what was written has left. */
function endSoon(socket: Duplex): void {
  if (socket.writableFinished) socket.destroy()
  else {
    socket.once('finish', () => socket.destroy())
    socket.end()
  }
}

function locked(folder: string, holder: Holder): DataFolderError {
  const message =
    holder === 'silent'
      ? `A process holds ${folder} but does not answer. If it is stopped, let it go on or end it (it listens on control.sock there), or choose another --data-dir.`
      : `Another troupe holds ${folder} (it listens on control.sock there). Ask that one, wait until it ends, or choose another --data-dir.`
  return new DataFolderError('locked', folder, message)
}
