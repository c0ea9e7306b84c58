import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../domain/errors.ts'
import { toDataFolderError } from '../host/folder-trouble.ts'
import { makeFolder } from '../host/make-folder.ts'
import type { CliContext } from './context.ts'
import { CONFIG_TEXT, WORKFLOW_TEXT } from './init-texts.ts'
import { escapeLine } from './terminal-text.ts'

const WORKFLOW_FILE = 'feature.yaml'
const FILES: readonly (readonly [name: string, text: string])[] = [
  [WORKFLOW_FILE, WORKFLOW_TEXT],
  ['troupe.config.yaml', CONFIG_TEXT],
]

/**
 * Writes a first workflow and a configuration, and says what to do with them. What is there is only overwritten with `--force`: else
 * nothing is written at all. Gives the exit code; throws UsageError.
 */
export async function initCommand(
  { stdout, cwd }: Pick<CliContext, 'stdout' | 'cwd'>,
  dir: string | undefined,
  flags: { readonly force?: boolean },
): Promise<number> {
  const folder = dir ?? cwd
  const paths = FILES.map(([name, text]) => ({ path: dir === undefined ? name : join(dir, name), name, text }))
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
  const file = paths[0]?.path ?? WORKFLOW_FILE
  stdout.write(`Next: troupe validate ${escapeLine(quoted(file))}\n`)
  stdout.write(`      troupe run ${escapeLine(quoted(file))} --input feature_request="Add login"\n`)
  return 0
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

function quoted(path: string): string {
  return /^[\w./@%+:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
