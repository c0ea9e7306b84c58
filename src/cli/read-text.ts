import { open } from 'node:fs/promises'
import { UsageError } from '../domain/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'it may not be read',
  ENOTDIR: 'part of its path is no folder',
}

/** A file's text. Never reads more than `maxBytes`; throws UsageError that names the file and why it cannot be used. */
export async function readText(path: string, maxBytes: number): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const bytes = await readUpTo(file, maxBytes + 1)
      if (bytes.length > maxBytes) throw new UsageError(`${path}: larger than ${maxBytes / 1024 / 1024} MB.`)
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    throw new UsageError(`${path}: cannot be read: ${reasonOf(cause)}.`, { cause })
  }
}

async function readUpTo(file: Awaited<ReturnType<typeof open>>, most: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  while (size < most) {
    const part = Buffer.alloc(Math.min(most - size, 256 * 1024))
    const { bytesRead } = await file.read(part, 0, part.length, null)
    if (bytesRead === 0) break
    parts.push(part.subarray(0, bytesRead))
    size += bytesRead
  }
  return Buffer.concat(parts)
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if ('code' in cause && cause.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is no UTF-8 text'
  return 'code' in cause && typeof cause.code === 'string' ? (REASONS[cause.code] ?? cause.message) : cause.message
}
