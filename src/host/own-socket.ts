import { type BigIntStats, renameSync, statSync, unlinkSync } from 'node:fs'
import { chmod, link, stat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import type { SocketPlace } from './control-socket.ts'
import { errorCode } from './folder-trouble.ts'

const SOCKET = 'control.sock'
const TAKEN_NAMES = 20
const PRIVATE = /^\.s[0-9a-z]+\.\d+$/
/** What file systems answer that have no hard links of sockets. */
const NO_LINKS: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP']

/** Names never come twice in a process: closing a server removes the name it was given, whoever has it by then. */
let names = 0

/** Whether a file may be the private name of a starter. */
export function isPrivateName(name: string): boolean {
  return PRIVATE.test(name)
}

/** The socket this process listens on, known by its inode: a name alone proves nothing. */
export class OwnSocket {
  /** The name by which a folder's holder is found: for calls on files, it may be too long to connect to. */
  readonly publicPath: string
  private readonly privatePath: string
  private readonly dev: bigint
  private readonly ino: bigint

  private constructor(folder: string, privatePath: string, found: BigIntStats) {
    this.publicPath = join(folder, SOCKET)
    this.privatePath = privatePath
    this.dev = found.dev
    this.ino = found.ino
  }

  /** Listens on a private name in `place`. */
  static async listen(server: Server, place: SocketPlace): Promise<OwnSocket> {
    for (let tries = 0; ; tries++) {
      const name = `.s${process.pid.toString(36)}.${names++}`
      const path = join(place.real, name)
      try {
        await listenOn(server, join(place.short, name))
      } catch (error) {
        if (errorCode(error) === 'EADDRINUSE' && tries < TAKEN_NAMES) continue
        throw error
      }
      await chmod(path, 0o600)
      return new OwnSocket(place.real, path, await stat(path, { bigint: true }))
    }
  }

  is(found: BigIntStats): boolean {
    return found.ino === this.ino && found.dev === this.dev
  }

  /** What has the public name now. */
  current(): BigIntStats | undefined {
    return statSync(this.publicPath, { bigint: true, throwIfNoEntry: false })
  }

  isPublished(): boolean {
    const found = this.current()
    return found !== undefined && this.is(found)
  }

  /** Takes the public name if nobody has it. */
  async publish(): Promise<boolean> {
    try {
      await link(this.privatePath, this.publicPath)
      await unlink(this.privatePath).catch(() => {})
      return true
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      if (!NO_LINKS.includes(errorCode(error))) throw error
    }
    if (this.current() !== undefined) return false
    renameSync(this.privatePath, this.publicPath)
    return true
  }

  /** Takes the public name from a dead socket, if it still is the one meant. Nothing of ours may come in between. */
  replace(dead: BigIntStats): boolean {
    const found = this.current()
    if (found?.ino !== dead.ino || found.dev !== dead.dev || found.ctimeNs !== dead.ctimeNs) return false
    renameSync(this.privatePath, this.publicPath)
    return true
  }

  /**
   * Gives the names up. Only while still listening: nobody takes the name of a socket that answers, so it cannot change
   * hands in between. What cannot be removed is taken over as a dead one.
   */
  withdraw(): void {
    try {
      if (this.isPublished()) unlinkSync(this.publicPath)
    } catch {}
    try {
      unlinkSync(this.privatePath)
    } catch {}
  }
}

function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      server.off('listening', onListening)
      reject(error)
    }
    const onListening = () => {
      server.off('error', onError)
      resolve()
    }
    server.once('error', onError)
    server.once('listening', onListening)
    server.listen({ path })
  })
}
