import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { BackendError } from '../domain/errors.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.svg': 'image/svg+xml',
}
const MOST_BYTES = 20 * 1024 * 1024
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  ENOTDIR: 'part of its path is no folder',
}

/** Whether an image is given whole; else it is the path of a file. */
export function isDataUri(image: string): boolean {
  return /^data:/i.test(image)
}

/** Why an image file cannot be sent as it is now; undefined when it can. */
export async function imageFileTrouble(path: string, clock: Clock): Promise<string | undefined> {
  try {
    await readImage(path, clock, false)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** An image whose bytes are known. */
export interface ImageData {
  /** `image/png` */
  readonly type: string
  readonly bytes: Buffer
}

/** An image as the Codegen API takes it. Rejects with BackendError that names the file when it cannot be sent. */
export async function toDataUri(image: string, clock: Clock): Promise<string> {
  if (isDataUri(image)) return image
  const { type, bytes } = await imageData(image, clock)
  return `data:${type};base64,${bytes.toString('base64')}`
}

/** What an image is, given as a file or whole. Rejects with BackendError that names it when it cannot be sent. */
async function imageData(image: string, clock: Clock): Promise<ImageData> {
  try {
    if (isDataUri(image)) return dataOf(image)
    const bytes = await readImage(image, clock, true)
    return { type: typeOf(extname(image)) ?? '', bytes }
  } catch (cause) {
    throw unsendable(image, cause)
  }
}

function unsendable(image: string, cause: unknown): BackendError {
  const message = `The image '${shortName(image)}' cannot be sent: ${reasonOf(cause)}.`
  return new BackendError(message, { kind: 'invalid', retryable: false, certain: true, cause })
}

/** A data URI has no end that anybody could read. */
export function shortName(image: string): string {
  return isDataUri(image) && image.length > 80 ? `${image.slice(0, 60)}...` : image
}

/** What an image is for an agent of this machine: their models are shown pixels alone.. */
export async function shownImage(image: string, clock: Clock): Promise<ImageData> {
  const trouble = shownImageTrouble(image)
  if (trouble !== undefined) throw unsendable(image, new Error(trouble))
  return imageData(image, clock)
}

/** Why an agent of this machine cannot be shown an image, as far as its name or data URI tells; undefined where it can. */
export function shownImageTrouble(image: string): string | undefined {
  try {
    const type = isDataUri(image) ? dataOf(image).type : typeOf(extname(image))
    return type === 'image/svg+xml' ? 'agents of this machine are shown no SVG; make it a PNG' : undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** How the names of files of a type end, `.png`; undefined where it is none that can be sent. */
export function endingOf(type: string): string | undefined {
  return Object.keys(TYPES).find((ending) => TYPES[ending] === type)
}

/** What kind of image files with this ending are. */
export function typeOf(ending: string): string | undefined {
  return TYPES[ending.toLowerCase()]
}

function dataOf(uri: string): ImageData {
  const [, type = '', text] = /^data:([^;,]+);base64,([A-Za-z0-9+/=\s]+)$/i.exec(uri) ?? []
  if (text === undefined || endingOf(type.toLowerCase()) === undefined)
    throw new Error('it is no data URI of an image in base64')
  return { type: type.toLowerCase(), bytes: Buffer.from(text, 'base64') }
}

/** The file's bytes, or none where only whether it could be read is asked for. */
function readImage(path: string, clock: Clock, whole: boolean): Promise<Buffer> {
  if (typeOf(extname(path)) === undefined) {
    return Promise.reject(new Error(`its type is none of ${Object.keys(TYPES).join(' ')}`))
  }
  const read = async () => {
    // Opened so that a pipe does not wait for whoever writes to it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      if (!found.isFile()) throw new Error('it is no file')
      if (found.size > MOST_BYTES) throw new Error('it is larger than 20 MB')
      return whole ? await file.readFile() : Buffer.alloc(0)
    } finally {
      await file.close()
    }
  }
  return clock.operation(read())
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return ('code' in error && typeof error.code === 'string' && REASONS[error.code]) || error.message
}
