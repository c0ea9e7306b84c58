import { posix } from 'node:path'

/** A file: what was written, and what of it a power cut would leave. */
export class FileNode {
  readonly kind = 'file'
  bytes: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length
    if (end > this.bytes.length) {
      const longer = Buffer.alloc(end)
      this.bytes.copy(longer)
      this.bytes = longer
    }
    this.bytes.set(bytes, position)
  }

  truncate(length: number): void {
    const cut = Buffer.alloc(length)
    this.bytes.copy(cut, 0, 0, length)
    this.bytes = cut
  }

  sync(): void {
    this.durable = Buffer.from(this.bytes)
  }
}

/** A folder: its entries, and those that a power cut would leave. */
export class FolderNode {
  readonly kind = 'folder'
  entries = new Map<string, DiskNode>()
  durable = new Map<string, DiskNode>()

  sync(): void {
    this.durable = new Map(this.entries)
  }
}

export type DiskNode = FileNode | FolderNode

/** Files and folders in memory, with the errors of a real disk. Paths are absolute. */
export class DiskTree {
  #root = new FolderNode()

  find(path: string): DiskNode {
    let node: DiskNode = this.#root
    for (const name of partsOf(path)) {
      if (node.kind !== 'folder') throw diskError('ENOTDIR', path)
      const next: DiskNode | undefined = node.entries.get(name)
      if (next === undefined) throw diskError('ENOENT', path)
      node = next
    }
    return node
  }

  folder(path: string): FolderNode {
    const node = this.find(path)
    if (node.kind !== 'folder') throw diskError('ENOTDIR', path)
    return node
  }

  file(path: string): FileNode {
    const node = this.find(path)
    if (node.kind !== 'file') throw diskError('EISDIR', path)
    return node
  }

  makeFolder(path: string, recursive: boolean): void {
    const parts = partsOf(path)
    if (recursive) {
      let node = this.#root
      for (const name of parts) {
        const next = node.entries.get(name) ?? new FolderNode()
        if (next.kind !== 'folder') throw diskError('EEXIST', path)
        node.entries.set(name, next)
        node = next
      }
      return
    }
    const parent = this.folder(posix.dirname(path))
    if (parts.length === 0 || parent.entries.has(posix.basename(path))) throw diskError('EEXIST', path)
    parent.entries.set(posix.basename(path), new FolderNode())
  }

  /** Opens a file for writing: makes it where it is not, empties it where that is asked for. */
  makeFile(path: string, how: { readonly exclusive: boolean; readonly empty: boolean }): FileNode {
    const parent = this.folder(posix.dirname(path))
    const name = posix.basename(path)
    const known = parent.entries.get(name)
    if (known?.kind === 'folder') throw diskError('EISDIR', path)
    if (known !== undefined && how.exclusive) throw diskError('EEXIST', path)
    if (known !== undefined) {
      if (how.empty) known.truncate(0)
      return known
    }
    const made = new FileNode()
    parent.entries.set(name, made)
    return made
  }

  rename(from: string, to: string): void {
    const node = this.find(from)
    const target = this.folder(posix.dirname(to))
    this.folder(posix.dirname(from)).entries.delete(posix.basename(from))
    target.entries.set(posix.basename(to), node)
  }

  remove(path: string, how: { readonly force: boolean; readonly recursive: boolean }): void {
    const parent = this.folder(posix.dirname(path))
    const node = parent.entries.get(posix.basename(path))
    if (node === undefined) {
      if (how.force) return
      throw diskError('ENOENT', path)
    }
    if (node.kind === 'folder' && !how.recursive) throw diskError('EISDIR', path)
    parent.entries.delete(posix.basename(path))
  }

  /** What was not synced is gone, but for what lies in folders of the names given. */
  cutPower(spared: readonly string[]): void {
    cut(this.#root, spared)
  }
}

function cut(folder: FolderNode, spared: readonly string[]): void {
  const entries = new Map(folder.durable)
  for (const [name, node] of folder.entries) if (spared.includes(name)) entries.set(name, node)
  folder.entries = entries
  folder.durable = new Map(entries)
  for (const [name, node] of entries) {
    if (spared.includes(name)) continue
    if (node.kind === 'folder') cut(node, spared)
    else node.bytes = Buffer.from(node.durable)
  }
}

function partsOf(path: string): string[] {
  return posix
    .normalize(path)
    .split('/')
    .filter((part) => part !== '')
}

/** An error as the system's file calls throw it. */
export function diskError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated disk, '${path}'`), { code, path })
}
