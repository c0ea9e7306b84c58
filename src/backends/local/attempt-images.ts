import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Clock } from '../../domain/clock.ts'
import { endingOf, imageData, typeOf } from '../image-file.ts'
import type { AttemptNotes } from './attempt-notes.ts'
import type { KeptImage } from './conversation.ts'

const NAME = /^image-(\d+)\.\w+$/

/**
 * Puts the images of a task, files or data URIs, into its attempt's folder: a session that begins later is shown the same. Durable when this
 * resolves. Throws BackendError `invalid`, which names the one that cannot be sent.
 */
export async function keepImages(notes: AttemptNotes, images: readonly string[], clock: Clock): Promise<void> {
  for (const [index, image] of images.entries()) {
    const { type, bytes } = await imageData(image, clock)
    await notes.write(`image-${index + 1}${endingOf(type)}`, bytes)
  }
}

/** What was kept in an attempt's folder, in the order of the task. */
export async function keptImages(folder: string): Promise<readonly KeptImage[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => NAME.test(name))
  const inOrder = names.sort((a, b) => numberOf(a) - numberOf(b))
  return inOrder.map((name) => ({ path: join(folder, name), type: typeOf(extname(name)) ?? '' }))
}

function numberOf(name: string): number {
  return Number(NAME.exec(name)?.[1])
}
