import type { JournalRecord } from '../domain/record.ts'
import { seal, unseal } from './checksum.ts'

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
  const text = unseal(line)
  let value: unknown
  try {
    value = JSON.parse(text ?? line.toString('utf8'))
  } catch {
    return { kind: 'damaged', reason: 'it is not JSON' }
  }
  // Asked before the checksum: a newer format may be sealed in another way.
  const version = hostVersion(value)
  if (version > JOURNAL_VERSION) return { kind: 'newer', version }
  if (text === undefined) return { kind: 'damaged', reason: 'its checksum does not match' }
  return isRecord(value) ? { kind: 'record', record: value } : { kind: 'damaged', reason: 'it is no record' }
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

function isRecord(value: unknown): value is JournalRecord {
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
