import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../domain/errors.ts'
import { toDataFolderError } from '../host/folder-trouble.ts'
import { makeFolder } from '../host/make-folder.ts'
import type { CliContext } from './context.ts'
import { escapeLine } from './terminal-text.ts'

const WORKFLOW_FILE = 'feature.yaml'

/** The flags of `troupe init`. */
export interface InitFlags {
  readonly force?: boolean
  readonly local?: boolean
}

/**
 * Writes both files and says so. What is there is only overwritten with `--force`: else nothing is written at all. Gives the path of the
 * workflow as it is typed. Throws UsageError.
 */
export async function writeFirst(
  { stdout, cwd }: Pick<CliContext, 'stdout' | 'cwd'>,
  dir: string | undefined,
  flags: InitFlags,
  { workflow, config }: { readonly workflow: string; readonly config: string },
): Promise<string> {
  const folder = dir ?? cwd
  const files = [
    { name: WORKFLOW_FILE, text: workflow },
    { name: 'troupe.config.yaml', text: config },
  ]
  const paths = files.map((file) => ({ ...file, path: dir === undefined ? file.name : join(dir, file.name) }))
  const there: string[] = []
  for (const { name, path } of paths) if (await exists(join(folder, name))) there.push(path)
  if (there.length > 0 && flags.force !== true) {
    const are = there.length === 1 ? 'is there already' : 'are there already'
    throw new UsageError(`${there.join(' and ')} ${are}: nothing was written. --force overwrites.`)
  }
  try {
    await makeFolder(folder, 0o777)
    for (const { name, text } of paths) await writeFile(join(folder, name), text, { flag: flags.force ? 'w' : 'wx' })
  } catch (error) {
    throw toDataFolderError(error, folder, 'Cannot write the first workflow')
  }
  for (const { path } of paths) stdout.write(`Wrote ${escapeLine(path)}\n`)
  return escapeLine(quoted(paths[0]?.path ?? WORKFLOW_FILE))
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return false
    throw error
  }
}

/** As a shell takes it. */
export function quoted(path: string): string {
  return /^[\w./@%+:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
