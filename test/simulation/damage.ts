import { decodeLine } from '../../src/host/journal-line.ts'
import type { DiskTree, FileNode } from './disk/disk-tree.ts'
import type { JournalWatch } from './journal-watch.ts'

/** What becomes of the disk while nobody holds the folder. */
export interface Damage {
  /** A byte of a journal's line or of a checkpoint is another one; a checkpoint is not there. */
  readonly what: 'journal' | 'checkpoint' | 'no checkpoint'
  /** Which file, which line, which byte: 0..1 each. */
  readonly file: number
  readonly line: number
  readonly byte: number
}

/** What was damaged; `seq`: the record that is lost by it. */
export interface Damaged {
  readonly run: string
  readonly what: Damage['what']
  readonly seq?: number
}

const CHECKPOINT = 'checkpoint.json'
const NEWLINE = 10

/** Carries a damage out; undefined where there is nothing to be damaged. Only files of `runs` are. */
export function damage(
  tree: DiskTree,
  journals: JournalWatch,
  runs: readonly string[],
  { what, file, line, byte }: Damage,
): Damaged | undefined {
  const run = runs[Math.floor(file * runs.length)]
  if (run === undefined) return undefined
  if (what === 'journal') {
    const lines = journals.linesOf(run)
    const found = lines[Math.floor(line * lines.length)]
    if (found === undefined) return undefined
    const { path, from, to, seq } = found
    return flipLine(tree.file(path), from, to, byte) ? { run, what, seq } : undefined
  }
  const folder = tree.folder(`/data/runs/${run}`)
  const checkpoint = folder.entries.get(CHECKPOINT)
  if (checkpoint?.kind !== 'file') return undefined
  if (what === 'checkpoint') flip(checkpoint, Math.floor(byte * checkpoint.bytes.length))
  else for (const entries of [folder.entries, folder.durable]) entries.delete(CHECKPOINT)
  return { run, what }
}

/** Another byte in a line, such that the line stays one and is none of a newer format's; false when there is no such byte. */
function flipLine(file: FileNode, from: number, to: number, byte: number): boolean {
  const length = to - from
  for (let tried = 0; tried < length; tried++) {
    const at = from + ((Math.floor(byte * length) + tried) % length)
    if (((file.bytes[at] ?? 0) ^ 1) === NEWLINE) continue
    flip(file, at)
    if (decodeLine(file.bytes.subarray(from, to)).kind === 'damaged') return true
    flip(file, at)
  }
  return false
}

function flip(file: FileNode, at: number): void {
  for (const bytes of new Set([file.bytes, file.durable])) {
    const old = bytes[at]
    if (old !== undefined) bytes[at] = old ^ 1
  }
}
