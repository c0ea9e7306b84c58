import { type FileSystem, type OpenFile, realFileSystem } from '../../src/host/file-system.ts'

/** A disk that counts what matters and fails on demand. */
export interface FaultyFileSystem extends FileSystem {
  /** Thrown by the calls named, until set to undefined. `partial`: so many bytes are written before. */
  fault:
    | {
        readonly call: 'write' | 'datasync' | 'sync' | 'rename' | 'open'
        readonly code: string
        readonly partial?: number
      }
    | undefined
  datasyncs: number
  renames: number
}

/** A real disk with faults. */
export function faultyFileSystem(): FaultyFileSystem {
  const failIf = (call: string) => {
    if (disk.fault?.call === call) throw systemError(disk.fault.code)
  }
  const disk: FaultyFileSystem = {
    fault: undefined,
    datasyncs: 0,
    renames: 0,
    async open(path, flags, mode) {
      failIf('open')
      return faulty(await realFileSystem.open(path, flags, mode))
    },
    async rename(from, to) {
      failIf('rename')
      disk.renames++
      await realFileSystem.rename(from, to)
    },
    remove: realFileSystem.remove,
  }
  const faulty = (file: OpenFile): OpenFile => ({
    async write(buffer, offset, length, position) {
      if (disk.fault?.call !== 'write') return file.write(buffer, offset, length, position)
      const partial = disk.fault.partial ?? 0
      if (partial > 0) await file.write(buffer, offset, partial, position)
      throw systemError(disk.fault.code)
    },
    async sync() {
      failIf('sync')
      await file.sync()
    },
    async datasync() {
      failIf('datasync')
      disk.datasyncs++
      await file.datasync()
    },
    read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
    stat: () => file.stat(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  })
  return disk
}

/** An error as the system throws it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says so`), { code })
}
