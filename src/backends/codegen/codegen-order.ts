import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import type { AgentOrder } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { AttemptKey } from '../../domain/ids.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { CreateRunBody } from './codegen-client.ts'
import type { FindRepository } from './codegen-repositories.ts'

const IMAGE_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.svg': 'image/svg+xml',
}
const MOST_IMAGE_BYTES = 20 * 1024 * 1024

/** What marks an agent run as that of an attempt. */
function keyMetadata(key: AttemptKey): JsonObject {
  return { troupe: { run: key.run, task: key.task, attempt: key.attempt } }
}

/** Whether metadata that came back names the attempt. */
export function isKeyMetadata(metadata: Readonly<Record<string, unknown>> | null, key: AttemptKey): boolean {
  const troupe = metadata?.['troupe']
  if (typeof troupe !== 'object' || troupe === null) return false
  const { run, task, attempt } = troupe as Readonly<Record<string, unknown>>
  return run === key.run && task === key.task && String(attempt) === String(key.attempt)
}

/** The body of the create that an order asks for. Rejects with BackendError when an image or the repository cannot be used. */
export async function createRunBody(
  order: AgentOrder,
  clock: Clock,
  findRepository: FindRepository,
  signal: AbortSignal,
): Promise<CreateRunBody> {
  const repository = order.repository === undefined ? undefined : await findRepository(order.repository, signal)
  const images = await Promise.all((order.images ?? []).map((image) => toDataUri(image, clock)))
  return {
    prompt: order.prompt,
    metadata: keyMetadata(order.key),
    ...(repository === undefined ? {} : { repo_id: repository }),
    ...(order.model === undefined ? {} : { model: order.model }),
    ...(order.agentType === undefined ? {} : { agent_type: order.agentType }),
    ...(images.length === 0 ? {} : { images }),
  }
}

async function toDataUri(image: string, clock: Clock): Promise<string> {
  if (/^data:/i.test(image)) return image
  const type = IMAGE_TYPES[extname(image).toLowerCase()]
  if (type === undefined) throw unusableImage(image, `its type is none of ${Object.keys(IMAGE_TYPES).join(' ')}`)
  const bytes = await clock.operation(readFile(image)).catch((error: unknown) => {
    throw unusableImage(image, error instanceof Error ? error.message : String(error), error)
  })
  if (bytes.byteLength > MOST_IMAGE_BYTES) throw unusableImage(image, 'it is larger than 20 MB')
  return `data:${type};base64,${bytes.toString('base64')}`
}

function unusableImage(image: string, reason: string, cause?: unknown): BackendError {
  return new BackendError(`The image '${image}' cannot be sent: ${reason}.`, {
    kind: 'invalid',
    retryable: false,
    certain: true,
    cause,
  })
}
