import type { JournalRecord } from '../../src/domain/record.ts'
import { decodeLine } from '../../src/host/journal-line.ts'
import { type DiskTree, FolderNode } from './disk/disk-tree.ts'

const SEGMENT = /\/runs\/[^/]+\/journal\.(\d+)\.ndjson$/

interface Segment {
  readonly path: string
  readonly bytes: Buffer
}

/** Where a record lies: its line without the newline. */
interface JournalSpot {
  readonly path: string
  readonly from: number
  readonly to: number
  readonly seq: number
}

export interface JournalWatchOptions {
  readonly tree: DiskTree
  /** A record is durable; `isOld`: an earlier process wrote it. */
  readonly onRecord: (record: JournalRecord, isOld: boolean) => void
  readonly onTrouble: (says: string, message: string) => void
}

/** Reads journals as the disk has them, whoever writes them. */
export class JournalWatch {
  readonly #options: JournalWatchOptions
  /** How far each file was read. */
  readonly #read = new Map<string, number>()
  /** Every record that was read, by its run. */
  readonly #lines = new Map<string, JournalSpot[]>()
  #leftBehind: Segment[] = []

  constructor(options: JournalWatchOptions) {
    this.#options = options
  }

  /** A process is about to take the folder: what the last one has written, synced or not, is put aside. */
  takeStock(): void {
    this.#leftBehind = journalsBelow(this.#options.tree.folder('/data'), '/data')
    for (const [path, read] of this.#read) {
      const length = this.#leftBehind.find((segment) => segment.path === path)?.bytes.length ?? 0
      if (length < read) {
        this.#options.onTrouble('what was durable stays', `${path} had ${read} bytes and has ${length}`)
      }
    }
  }

  /** What a killed process had written counts from when another one goes on from it: has restored all, makes a record, sends. */
  readBack(): void {
    for (const { path, bytes } of this.#leftBehind.splice(0)) this.#readLines(path, bytes, true)
  }

  /** Where the durable records of a run lie. */
  linesOf(run: string): readonly JournalSpot[] {
    return this.#lines.get(run) ?? []
  }

  /** A file was made durable. */
  synced(path: string, bytes: Buffer): void {
    if (!SEGMENT.test(path)) return
    this.readBack()
    this.#readLines(path, bytes, false)
  }

  #readLines(path: string, bytes: Buffer, isOld: boolean): void {
    let from = this.#read.get(path) ?? 0
    for (let end = bytes.indexOf(10, from); end >= 0; end = bytes.indexOf(10, from)) {
      const decoded = decodeLine(bytes.subarray(from, end))
      if (decoded.kind === 'record') {
        this.#note(decoded.record, { path, from, to: end })
        this.#options.onRecord(decoded.record, isOld)
      } else this.#options.onTrouble('what is durable can be read', `${path} holds a line that cannot be read`)
      from = end + 1
    }
    this.#read.set(path, from)
  }

  #note({ run, seq }: JournalRecord, place: Omit<JournalSpot, 'seq'>): void {
    const lines = this.#lines.get(run) ?? []
    this.#lines.set(run, lines)
    lines.push({ ...place, seq })
  }
}

function journalsBelow(folder: FolderNode, path: string): Segment[] {
  const found: Segment[] = []
  for (const [name, node] of folder.entries) {
    const inner = `${path}/${name}`
    if (node instanceof FolderNode) found.push(...journalsBelow(node, inner))
    else if (SEGMENT.test(inner)) found.push({ path: inner, bytes: node.bytes })
  }
  const firstSeq = (name: string) => Number(SEGMENT.exec(name)?.[1])
  return found.sort((a, b) => firstSeq(a.path) - firstSeq(b.path))
}
