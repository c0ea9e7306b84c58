import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Clock } from '../../domain/clock.ts'
import { endingOf, shownImage, typeOf } from '../image-file.ts'
import type { AttemptNotes } from './attempt-notes.ts'
import type { KeptImage } from './conversation.ts'

const FOLDER = 'images'

/**
 * Puts the images of a task, files or data URIs, into its attempt's folder: a session that begins later is shown the same. Durable when this
 * resolves. Throws BackendError `invalid`, which names the one that cannot be sent.
 */
export async function keepImages(notes: AttemptNotes, images: readonly string[], clock: Clock): Promise<void> {
  for (const [index, image] of images.entries()) {
    const { type, bytes } = await shownImage(image, clock)
    await notes.write(join(FOLDER, `${index + 1}${endingOf(type)}`), bytes)
  }
}

/** What was kept in an attempt's folder, in the order of the task. */
export async function keptImages(folder: string): Promise<readonly KeptImage[]> {
  const names = await readdir(join(folder, FOLDER)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const inOrder = names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  return inOrder.map((name) => ({ path: join(folder, FOLDER, name), type: typeOf(extname(name)) ?? '' }))
}
