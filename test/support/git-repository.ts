import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const ME = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'commit.gpgsign=false']

/** What git printed in a folder, without the end of its last line. */
export async function git(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', [...ME, '-C', folder, ...args])
  return stdout.replace(/\n$/, '')
}

/** A repository with one commit that holds these files; gives that commit. */
export async function makeRepository(
  folder: string,
  files: Readonly<Record<string, string>> = { 'README.md': 'hello\n' },
): Promise<string> {
  await git(folder, 'init', '-q', '-b', 'main')
  return commitFiles(folder, files)
}

/** Commits these files; gives the commit. */
export async function commitFiles(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-q', '--allow-empty', '-m', 'work')
  return git(folder, 'rev-parse', 'HEAD')
}
