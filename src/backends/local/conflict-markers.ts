import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A larger one is no text that a person or an agent resolves. */
const LARGEST = 32 * 1024 * 1024
const OPENED = /^<{7}(?: |\r?$)/m
const CLOSED = /^>{7}(?: |\r?$)/m

/** Those of the files that still hold conflict markers. Links are not followed. */
export async function conflictsLeft(folder: string, files: readonly string[]): Promise<readonly string[]> {
  const left: string[] = []
  for (const file of files) if (await holdsMarkers(join(folder, file))) left.push(file)
  return left
}

async function holdsMarkers(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined || !found.isFile() || found.size > LARGEST) return false
  const text = await readFile(path, 'latin1')
  return OPENED.test(text) && CLOSED.test(text)
}
