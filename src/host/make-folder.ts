import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from './folder-trouble.ts'

/**
 * Makes a folder and those above it, of this process's user alone unless `mode` says otherwise. As mkdir's `recursive`, which never ends where a file system refuses with ENOENT (seen
 * on /proc with Node 20.20). Rejects with the system's error.
 */
export async function makeFolder(path: string, mode = 0o700, mayMakeParent = true): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || !mayMakeParent || dirname(path) === path) throw error
    await makeFolder(dirname(path), mode)
    await makeFolder(path, mode, false)
  }
}
