import { lstat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'

/**
 * Files by which version managers (asdf, mise, nodenv) choose what is started in a folder. Where one comes into a worktree, what was started
 * in it before may be another version.
 */
export const VERSION_FILES: readonly string[] = [
  ...['.tool-versions', 'mise.toml', '.mise.toml', 'mise.local.toml', '.mise.local.toml'],
  ...['.node-version', '.python-version', '.ruby-version', '.nvmrc', '.envrc'],
]

/** Volta chooses by package.json, which is in most worktrees. */
export function isChosenByPackage(program: string): boolean {
  return program.includes('/.volta/')
}

/** Whether any of these is in the folder. */
export async function isAnyIn(folder: string, names: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    names.map((name) =>
      lstat(join(folder, name)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}

/** Whether any of these is in a folder above it, but for what lies in `own`, absolute. */
export async function isAnyAbove(folder: string, names: readonly string[], own?: string): Promise<boolean> {
  for (let at = dirname(folder); ; at = dirname(at)) {
    const meant = names.filter((name) => own === undefined || !join(at, name).startsWith(own + sep))
    if (await isAnyIn(at, meant)) return true
    if (dirname(at) === at) return false
  }
}
