/**
 * Lets paths below DISK_ROOT lead to simulated disks, for every module of this thread, by replacing Node's own file calls: so the
 * code under test needs no seam, and no thread pool decides the order in which things happen.
 */
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { FileNode } from './disk-tree.ts'
import { type DiskCall, type MemoryDisk, type Mount, mountOf } from './memory-disk.ts'
import { openNode, SimulatedFile } from './simulated-file.ts'

// biome-ignore lint/complexity/noBannedTypes: Node's calls have many overloads; which one was meant is passed on.
type AnyCall = Function
type Simulated = (mount: Mount, path: string, ...rest: unknown[]) => unknown

let isReplaced = false

/** Once a thread; a second time changes nothing. */
export function replaceFileCalls(): void {
  if (isReplaced) return
  isReplaced = true
  for (const [name, simulated] of Object.entries(ASYNC)) replace(promises, name, simulated)
  for (const [name, simulated] of Object.entries(SYNC)) replace(fs, name, simulated)
  for (const [name, simulated] of Object.entries(BY_DESCRIPTOR)) replaceByDescriptor(name, simulated)
  syncBuiltinESMExports()
}

function replace(module: object, name: string, simulated: Simulated): void {
  const calls = module as Record<string, AnyCall>
  const real = calls[name]
  if (real === undefined) throw new Error(`Node has no file call ${name}`)
  calls[name] = (path: unknown, ...rest: unknown[]) => {
    const mount = mountOf(path)
    return mount === undefined ? real(path, ...rest) : simulated(mount, mount.inner(String(path)), ...rest)
  }
}

const call = (what: DiskCall['what'], path: string): DiskCall => ({ what, path })
const optionsOf = (value: unknown) => (typeof value === 'object' && value !== null ? value : {}) as Options
type Options = { recursive?: boolean; force?: boolean; withFileTypes?: boolean; encoding?: string }

const textOrBytes = (file: FileNode, how: unknown) =>
  typeof how === 'string' || optionsOf(how).encoding !== undefined
    ? file.bytes.toString('utf8')
    : Buffer.from(file.bytes)

const kindOf = (kind: string) => ({ isDirectory: () => kind === 'folder', isFile: () => kind === 'file' })

function list({ disk }: Mount, path: string, how: unknown): unknown {
  const { entries } = disk.tree.folder(path)
  const names = [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  return optionsOf(how).withFileTypes === true
    ? names.map(([name, { kind }]) => ({ name, ...kindOf(kind) }))
    : names.map(([name]) => name)
}

function move(mount: Mount, from: string, to: unknown): void {
  mount.disk.tree.rename(from, mount.inner(String(to)))
}

const ASYNC: Readonly<Record<string, Simulated>> = {
  open: (mount, path, flags = 'r') =>
    mount.carryOut(call('open', path), () => new SimulatedFile(mount, path, openNode(mount, path, flags as string))),
  rename: (mount, path, to) => mount.carryOut(call('change', path), () => move(mount, path, to)),
  rm: (mount, path, how) =>
    mount.carryOut(call('change', path), () =>
      mount.disk.tree.remove(path, { force: false, recursive: false, ...optionsOf(how) }),
    ),
  mkdir: (mount, path, how) =>
    mount.carryOut(call('change', path), () => mount.disk.tree.makeFolder(path, optionsOf(how).recursive === true)),
  readdir: (mount, path, how) => mount.carryOut(call('read', path), () => list(mount, path, how)),
  access: (mount, path) => mount.carryOut(call('read', path), () => void mount.disk.tree.find(path)),
  stat: (mount, path) =>
    mount.carryOut(call('read', path), () => {
      const node = mount.disk.tree.find(path)
      return { size: node.kind === 'file' ? node.bytes.length : 0, ...kindOf(node.kind) }
    }),
  readFile: (mount, path, how) =>
    mount.carryOut(call('read', path), () => textOrBytes(mount.disk.tree.file(path), how)),
  truncate: (mount, path, length) =>
    mount.carryOut(call('change', path), () => mount.disk.tree.file(path).truncate(Number(length ?? 0))),
}

interface Descriptor {
  readonly mount: Mount
  readonly path: string
  readonly file: FileNode
}
const descriptors = new Map<number, Descriptor>()

/** What dead processes have left open on a disk is closed. */
export function closeDescriptors(disk: MemoryDisk): void {
  for (const [number, { mount }] of descriptors) if (mount.disk === disk) descriptors.delete(number)
}

/** Far beyond what the system gives. */
let nextDescriptor = 1_000_000_000

const SYNC: Readonly<Record<string, Simulated>> = {
  mkdirSync: (mount, path, how) =>
    mount.carryOutNow(call('change', path), () => mount.disk.tree.makeFolder(path, optionsOf(how).recursive === true)),
  readdirSync: (mount, path, how) => mount.carryOutNow(call('read', path), () => list(mount, path, how)),
  readFileSync: (mount, path, how) =>
    mount.carryOutNow(call('read', path), () => textOrBytes(mount.disk.tree.file(path), how)),
  renameSync: (mount, path, to) => mount.carryOutNow(call('change', path), () => move(mount, path, to)),
  openSync: (mount, path, flags = 'r') =>
    mount.carryOutNow(call('open', path), () => {
      const node = openNode(mount, path, flags as string)
      if (node.kind !== 'file') throw new Error('A simulated folder has no descriptor')
      descriptors.set(++nextDescriptor, { mount, path, file: node })
      return nextDescriptor
    }),
}

const BY_DESCRIPTOR: Readonly<Record<string, (open: Descriptor, ...rest: unknown[]) => unknown>> = {
  closeSync: () => undefined,
  fstatSync: ({ file }) => ({ size: file.bytes.length }),
  writeSync: ({ mount, path, file }, bytes, offset) =>
    mount.carryOutNow(call('write', path), () => {
      const part = (bytes as Buffer).subarray(Number(offset ?? 0))
      file.write(part, file.bytes.length)
      return part.length
    }),
}

function replaceByDescriptor(name: string, simulated: (open: Descriptor, ...rest: unknown[]) => unknown): void {
  const calls = fs as unknown as Record<string, AnyCall>
  const real = calls[name]
  if (real === undefined) throw new Error(`Node has no file call ${name}`)
  calls[name] = (descriptor: number, ...rest: unknown[]) => {
    const open = descriptors.get(descriptor)
    if (open === undefined) return real(descriptor, ...rest)
    if (name === 'closeSync') descriptors.delete(descriptor)
    return simulated(open, ...rest)
  }
}
