import { mkdir, open, stat } from 'node:fs/promises'

/** An empty folder in which somebody may work before it has its files. Held open, so that it is known again. */
export interface HeldFolder {
  /** Rejects where another folder has taken its place: whoever works in this one is nowhere. */
  staysInPlace(): Promise<void>
  letGo(): Promise<void>
}

/** Makes a folder in one that is there. Undefined: something has its name already, or it cannot be made. */
export async function holdNewFolder(path: string): Promise<HeldFolder | undefined> {
  const handle = await mkdir(path)
    .then(() => open(path))
    .catch(() => undefined)
  if (handle === undefined) return undefined
  return {
    async staysInPlace() {
      const [held, found] = await Promise.all([handle.stat(), stat(path)])
      if (held.ino !== found.ino || held.dev !== found.dev) throw new Error(`${path} was made anew`)
    },
    letGo: () => handle.close(),
  }
}
