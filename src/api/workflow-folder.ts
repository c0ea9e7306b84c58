import { constants } from 'node:fs'
import { open, readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { NotFoundError, UsageError } from '../domain/errors.ts'

const MAX_FILE_BYTES = 4 * 1024 * 1024
const MAX_LISTED = 1000
const MAX_LOOKED_AT = 20_000
const NAMED = 20
// No part begins with a dot: that leaves out .., hidden files and a data folder beside the workflows.
const FILE_NAME = /^(?!\.)[^/\\\0]+(?:\/(?!\.)[^/\\\0]+)*\.(?:yaml|yml|json)$/

/** A folder whose workflow files may be started by name. */
export interface WorkflowFolder {
  /** Names of the files, relative to the folder, with slashes; sorted, at most 1000. */
  list(): Promise<readonly string[]>
  /** The text of a file. Throws NotFoundError for anything that is no workflow file inside the folder; UsageError for a huge one. */
  read(file: string): Promise<string>
}

/** `path` undefined: there is no such folder, and no file in it. */
export function openWorkflowFolder(path: string | undefined): WorkflowFolder {
  if (path === undefined) {
    const hint = 'This server has no folder of workflow files; post the workflow itself.'
    return {
      list: async () => [],
      read: (file) => Promise.reject(new NotFoundError(subject(file), hint)),
    }
  }
  return {
    list: () => listFiles(path),
    async read(file) {
      const real = await placeInside(path, file)
      if (real === undefined) throw new NotFoundError(subject(file), hintOf(await listFiles(path)))
      return readText(file, real)
    },
  }
}

/** The real path of a file of the folder; undefined where the name, or a link, leads elsewhere. */
async function placeInside(folder: string, file: string): Promise<string | undefined> {
  if (!FILE_NAME.test(file)) return undefined
  try {
    const root = await realpath(folder)
    const real = await realpath(join(root, file))
    return real.startsWith(root.endsWith(sep) ? root : root + sep) ? real : undefined
  } catch {
    return undefined
  }
}

async function readText(file: string, real: string): Promise<string> {
  // A link that took the file's place since, or a pipe nobody writes to, is not waited for.
  const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  )
  if (handle === undefined) throw new NotFoundError(subject(file), 'It cannot be read.')
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw new NotFoundError(subject(file), 'It is no file.')
    if (found.size > MAX_FILE_BYTES) throw new UsageError(`${subject(file)} is larger than 4 MB.`)
    const bytes = Buffer.alloc(found.size)
    const { bytesRead } = await handle.read(bytes, 0, found.size, 0)
    return bytes.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function listFiles(folder: string): Promise<readonly string[]> {
  const found: string[] = []
  const waiting = ['']
  let lookedAt = 0
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const entries = await readdir(join(folder, next), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (++lookedAt > MAX_LOOKED_AT) return found.sort().slice(0, MAX_LISTED)
      const name = next === '' ? entry.name : `${next}/${entry.name}`
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') waiting.push(name)
      const here = FILE_NAME.test(name) && (entry.isFile() || entry.isSymbolicLink())
      if (here && (await placeInside(folder, name)) !== undefined) found.push(name)
    }
  }
  return found.sort().slice(0, MAX_LISTED)
}

function hintOf(files: readonly string[]): string {
  if (files.length === 0) return 'The folder of workflow files is empty.'
  const named = files.slice(0, NAMED).join(', ')
  return `There is: ${named}${files.length > NAMED ? ` and ${files.length - NAMED} more` : ''}.`
}

function subject(file: string): string {
  return `Workflow file '${file.slice(0, 200)}'`
}
