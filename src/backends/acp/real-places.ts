import { readlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const MOST_LINKS = 40

/**
 * Tells which of these paths lie inside a folder once `..` and symbolic links are followed, also those that do not exist yet. The
 * `.git` of a worktree does not count as inside: it says which repository the worktree is of.
 */
export async function insideOf(folder: string, paths: readonly string[]): Promise<(path: string) => boolean> {
  const root = await realPlace(resolve(folder))
  const inside = new Set<string>()
  for (const path of new Set(paths)) {
    const plain = plainPath(path)
    if (plain === undefined) continue
    const place = await realPlace(isAbsolute(plain) ? plain : `${resolve(folder)}${sep}${plain}`)
    if (place === undefined || root === undefined) continue
    const isGit = place === join(root, '.git') || place.startsWith(join(root, '.git') + sep)
    if ((place === root || place.startsWith(root + sep)) && !isGit) inside.add(path)
  }
  return (path) => inside.has(path)
}

function plainPath(path: string): string | undefined {
  if (path.includes('\0') || path.startsWith('~')) return undefined
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return path
  try {
    return fileURLToPath(path)
  } catch {
    return undefined
  }
}

/**
 * Where a path leads, step by step as the system walks it: `..` leaves the folder that a link led to, and a link may lead to what does
 * not exist yet. Undefined where nobody can tell: a loop of links, a folder that may not be entered.
 */
async function realPlace(path: string): Promise<string | undefined> {
  const steps = path.split(sep).reverse()
  let place: string = sep
  for (let links = 0; steps.length > 0; ) {
    const step = steps.pop() ?? ''
    if (step === '' || step === '.') continue
    if (step === '..') {
      place = dirname(place)
      continue
    }
    const next = join(place, step)
    const target = await linkTarget(next)
    if (target === null) {
      place = next
      continue
    }
    if (target === undefined || ++links > MOST_LINKS) return undefined
    if (isAbsolute(target)) place = sep
    steps.push(...target.split(sep).reverse())
  }
  return place
}

/** What a link points to; null for what is no link or does not exist; undefined where nobody can tell. */
async function linkTarget(path: string): Promise<string | null | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code === 'EINVAL' || code === 'ENOENT' || code === 'ENOTDIR' ? null : undefined
  }
}
