import { readFile } from 'node:fs/promises'
import { BackendError } from '../../domain/errors.ts'
import type { ConversationOptions } from '../local/conversation.ts'
import type { CommandProgram } from './command-conversation.ts'
import type { ShownImage } from './command-dialect.ts'

/** The images of a conversation as its agent is shown them. Throws BackendError `refused` where it cannot be shown any. */
export async function shownImages(
  { name, dialect }: CommandProgram,
  { images = [], clock }: ConversationOptions,
): Promise<readonly ShownImage[]> {
  if (images.length === 0) return []
  if (dialect.images === undefined) {
    const way = "leave out 'images', or say in its description how it is shown one: an argument with {image}"
    throw refused(`${name} cannot be shown images: ${way}.`)
  }
  return Promise.all(
    images.map(async (image) => {
      const bytes = dialect.images === 'data' ? await clock.operation(readFile(image.path)) : Buffer.alloc(0)
      return { ...image, base64: bytes.toString('base64') }
    }),
  )
}

function refused(message: string): BackendError {
  return new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
