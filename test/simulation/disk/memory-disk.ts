import { DiskTree } from './disk-tree.ts'

/** Where simulated disks appear to be. */
const DISK_ROOT = '/simulated-disk'

/** A file call that is about to be carried out. */
export interface DiskCall {
  readonly what: 'open' | 'read' | 'write' | 'sync' | 'change'
  /** Below the mount. */
  readonly path: string
}

/** What becomes of a call: carried out; a write that puts down a part of its bytes; or the disk refuses. */
export type Fate = 'whole' | 'part' | { readonly code: string }

/** Who is told of a disk's calls. */
export interface DiskListener {
  /** Asked before each call is carried out. */
  onCall(call: DiskCall): Fate
  /** A file was made durable: its path and all its bytes. */
  onSync(path: string, bytes: Buffer): void
  /** How long a call takes: resolves when it is carried out. */
  pace(): Promise<void>
}

/** One of its own each time: a promise that all share would keep alive all who ever waited for it. */
const never = () => new Promise<never>(() => {})

/** One process's sight of a disk: when the process is dead, nothing it asks for is carried out or answered. */
export class Mount {
  readonly path: string
  readonly disk: MemoryDisk
  isDead = false

  constructor(path: string, disk: MemoryDisk) {
    this.path = path
    this.disk = disk
  }

  /** A path of the mount as the disk knows it. */
  inner(path: string): string {
    return path.slice(this.path.length) || '/'
  }

  /** Carries out a call as an asynchronous file call would be. */
  async carryOut<T>(call: DiskCall, act: (isWhole: boolean) => T): Promise<T> {
    const { listener } = this.disk
    if (this.isDead) return never()
    await listener.pace()
    if (this.isDead) return never()
    const fate = listener.onCall(call)
    // A write that the kill falls into may have put down a part.
    if (this.isDead && fate !== 'part') return never()
    if (typeof fate === 'object') throw Object.assign(new Error(`${fate.code}: simulated disk`), { code: fate.code })
    const result = act(fate === 'whole')
    return this.isDead ? never() : result
  }

  /** Carries out a synchronous call; the dead get an error, since they cannot be kept waiting. */
  carryOutNow<T>(call: DiskCall, act: () => T): T {
    if (this.isDead) throw new Error('The process is dead')
    const fate = this.disk.listener.onCall(call)
    if (this.isDead) throw new Error('The process is dead')
    if (typeof fate === 'object') throw Object.assign(new Error(`${fate.code}: simulated disk`), { code: fate.code })
    return act()
  }
}

const mounts = new Map<string, Mount>()
let count = 0

/** A disk in memory that several processes see one after the other, each at a mount of its own. */
export class MemoryDisk {
  readonly tree = new DiskTree()
  listener: DiskListener = { onCall: () => 'whole', onSync: () => {}, pace: async () => {} }
  readonly #mounts: string[] = []

  mount(): Mount {
    const mount = new Mount(`${DISK_ROOT}/${++count}`, this)
    mounts.set(String(count), mount)
    this.#mounts.push(String(count))
    return mount
  }

  /** The mounts are forgotten. */
  close(): void {
    for (const name of this.#mounts) mounts.delete(name)
  }
}

/** The mount that a path lies in; undefined for a path of the machine itself. */
export function mountOf(path: unknown): Mount | undefined {
  if (typeof path !== 'string' || !path.startsWith(`${DISK_ROOT}/`)) return undefined
  const rest = path.slice(DISK_ROOT.length + 1)
  const slash = rest.indexOf('/')
  const mount = mounts.get(slash === -1 ? rest : rest.slice(0, slash))
  if (mount === undefined) throw new Error(`No simulated disk is mounted at ${path}`)
  return mount
}
