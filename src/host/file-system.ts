import { open, rename, rm } from 'node:fs/promises'

/** What is used of an open file. */
export interface OpenFile {
  write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  stat(): Promise<{ size: number }>
  truncate(length: number): Promise<void>
  sync(): Promise<void>
  datasync(): Promise<void>
  close(): Promise<void>
}

/** The calls that make things durable; tests let them fail as a full or broken disk does. */
export interface FileSystem {
  open(path: string, flags: string | number, mode?: number): Promise<OpenFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
}

/** The machine's disk. */
export const realFileSystem: FileSystem = {
  open: (path, flags, mode) => open(path, flags, mode),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
}

/** Writes all of `bytes` from `position` on, however little the system takes at once. */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    if (bytesWritten === 0) throw Object.assign(new Error('the disk took no byte'), { code: 'EIO' })
    done += bytesWritten
  }
}

/** Makes the entries of a folder durable: a created or renamed file is otherwise lost by a power cut. */
export async function syncFolder(fs: FileSystem, folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
