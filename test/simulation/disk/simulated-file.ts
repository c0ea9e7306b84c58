import { constants } from 'node:fs'
import type { OpenFile } from '../../../src/host/file-system.ts'
import { diskError, type FileNode, type FolderNode } from './disk-tree.ts'
import type { Mount } from './memory-disk.ts'

/** An open file or folder of a simulated disk. */
export class SimulatedFile implements OpenFile {
  readonly #mount: Mount
  readonly #path: string
  readonly #node: FileNode | FolderNode

  constructor(mount: Mount, path: string, node: FileNode | FolderNode) {
    this.#mount = mount
    this.#path = path
    this.#node = node
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }> {
    return this.#mount.carryOut({ what: 'write', path: this.#path }, (isWhole) => {
      const taken = isWhole ? length : Math.floor(length / 2)
      this.#file.write(buffer.subarray(offset, offset + taken), position)
      return { bytesWritten: taken }
    })
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#mount.carryOut({ what: 'read', path: this.#path }, () => {
      const part = this.#file.bytes.subarray(position, position + length)
      buffer.set(part, offset)
      return { bytesRead: part.length }
    })
  }

  stat(): Promise<{ size: number }> {
    return this.#mount.carryOut({ what: 'read', path: this.#path }, () => ({ size: this.#file.bytes.length }))
  }

  truncate(length: number): Promise<void> {
    return this.#mount.carryOut({ what: 'change', path: this.#path }, () => this.#file.truncate(length))
  }

  sync(): Promise<void> {
    return this.#mount.carryOut({ what: 'sync', path: this.#path }, () => {
      this.#node.sync()
      if (this.#node.kind === 'file') this.#mount.disk.listener.onSync(this.#path, this.#node.bytes)
    })
  }

  datasync(): Promise<void> {
    return this.sync()
  }

  async close(): Promise<void> {}

  get #file(): FileNode {
    if (this.#node.kind === 'file') return this.#node
    throw diskError('EISDIR', this.#path)
  }
}

/** What opening a path with these flags gives. */
export function openNode(mount: Mount, path: string, flags: string | number): FileNode | FolderNode {
  const { tree } = mount.disk
  const { create, exclusive, empty } = readFlags(flags)
  return create ? tree.makeFile(path, { exclusive, empty }) : tree.find(path)
}

function readFlags(flags: string | number): { create: boolean; exclusive: boolean; empty: boolean } {
  if (typeof flags === 'string') {
    const writes = /^[wa]/.test(flags)
    return { create: writes, exclusive: flags.includes('x'), empty: flags.startsWith('w') }
  }
  return {
    create: (flags & constants.O_CREAT) !== 0,
    exclusive: (flags & constants.O_EXCL) !== 0,
    empty: (flags & constants.O_TRUNC) !== 0,
  }
}
