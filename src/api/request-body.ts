import { UsageError } from '../domain/errors.ts'
import { ApiError } from './errors.ts'
import { parseJsonText } from './json-text.ts'

/** A body may have this many bytes. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024

const JSON_TYPE = /^application\/json\s*(?:;\s*charset=("?)utf-8\1\s*)?$/i

/**
 * The JSON value of a request's body. Throws ApiError `media-type` and `too-large`, UsageError for what is no JSON; no more
 * than `maxBytes` are kept.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
  const type = request.headers.get('content-type') ?? ''
  if (!JSON_TYPE.test(type.trim())) {
    throw new ApiError('media-type', `The body must be sent as application/json, not as ${quoted(type)}.`)
  }
  const coding = request.headers.get('content-encoding')
  if (coding !== null && coding.trim().toLowerCase() !== 'identity') {
    throw new ApiError('media-type', `The body must be sent as it is, not as ${quoted(coding)}.`)
  }
  const text = decode(await readBytes(request, maxBytes))
  if (text.trim() === '') throw new UsageError('The body is empty; send a JSON object.')
  return parseJsonText(text, 'The body')
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const parts: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  for (;;) {
    const part = await reader?.read().catch((cause: unknown) => {
      throw new UsageError('The body broke off.', { cause })
    })
    if (part === undefined || part.done) return Buffer.concat(parts)
    size += part.value.byteLength
    if (size > maxBytes) {
      // Whoever still sends must not wait for a reader that never comes.
      reader?.cancel().catch(() => undefined)
      throw tooLarge(maxBytes)
    }
    parts.push(part.value)
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UsageError('The body is not UTF-8.', { cause })
  }
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('too-large', `The body is larger than ${maxBytes} bytes.`, { most: maxBytes })
}

function quoted(text: string): string {
  return text === '' ? 'nothing' : `'${text.slice(0, 80)}'`
}
