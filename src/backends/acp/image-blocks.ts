import { readFile } from 'node:fs/promises'
import type { Clock } from '../../domain/clock.ts'
import type { KeptImage } from '../local/conversation.ts'

/** An image as a part of a prompt. */
export interface ImageBlock {
  readonly type: 'image'
  readonly mimeType: string
  /** In base64. */
  readonly data: string
}

/** Images as parts of a prompt. */
export function imageBlocks(images: readonly KeptImage[], clock: Clock): Promise<readonly ImageBlock[]> {
  return Promise.all(
    images.map(async ({ path, type }) => {
      const bytes = await clock.operation(readFile(path))
      return { type: 'image', mimeType: type, data: bytes.toString('base64') } as const
    }),
  )
}
