import type { JournalRecord } from '../domain/record.ts'
import { isSealed, seal } from './checksum.ts'

/** The newest version of a line's host part that this program reads. */
export const JOURNAL_VERSION = 1

const SEQ_START = '{"seq":'

/** What a line turned out to be. */
export type JournalLine =
  | { readonly kind: 'record'; readonly record: JournalRecord }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'newer'; readonly version: number }

/** A record as one line with its newline: its JSON, and last in it a checksum of the rest (`sum`). */
export function encodeLine(record: JournalRecord): string {
  return `${seal(JSON.stringify(record))}\n`
}

/** Reads a line without its newline. */
export function decodeLine(line: Buffer): JournalLine {
  let value: unknown
  try {
    value = JSON.parse(line.toString('utf8'))
  } catch {
    return { kind: 'damaged', reason: 'it is not JSON' }
  }
  // Asked first: a newer format may be sealed in another way.
  const version = hostVersion(value)
  if (version > JOURNAL_VERSION) return { kind: 'newer', version }
  if (!isSealed(line)) return { kind: 'damaged', reason: 'its checksum does not match' }
  if (!isSealedRecord(value)) return { kind: 'damaged', reason: 'it is no record' }
  const { sum: _sum, ...record } = value
  return { kind: 'record', record }
}

/** The seq of a line, read from its first bytes alone; undefined when the line does not begin with it. */
export function peekSeq(line: Buffer): number | undefined {
  const head = line.toString('latin1', 0, SEQ_START.length + 17)
  if (!head.startsWith(SEQ_START)) return undefined
  const digits = /^\d{1,16}(?=[,}])/.exec(head.slice(SEQ_START.length))
  return digits ? Number(digits[0]) : undefined
}

function hostVersion(value: unknown): number {
  if (!isObject(value) || !isObject(value['host'])) return 0
  const version = value['host']['v']
  return typeof version === 'number' ? version : 0
}

function isSealedRecord(value: unknown): value is JournalRecord & { readonly sum: string } {
  return (
    isObject(value) &&
    Number.isSafeInteger(value['seq']) &&
    typeof value['at'] === 'string' &&
    typeof value['type'] === 'string' &&
    typeof value['run'] === 'string' &&
    isObject(value['actor'])
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
