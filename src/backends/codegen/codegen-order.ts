import type { AgentOrder } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { type AttemptKey, formatKey } from '../../domain/ids.ts'
import type { JsonObject } from '../../domain/json.ts'
import { toDataUri } from '../image-file.ts'
import type { CreateRunBody } from './codegen-client.ts'
import type { FindRepository } from './codegen-repositories.ts'

/** What marks an agent run as that of an attempt. */
function keyMetadata(key: AttemptKey): JsonObject {
  return { troupe: { run: key.run, task: key.task, attempt: key.attempt } }
}

/** Whether metadata that came back names the attempt. */
export function isKeyMetadata(metadata: Readonly<Record<string, unknown>> | null, key: AttemptKey): boolean {
  const named = readKeyMetadata(metadata)
  return named !== undefined && formatKey(named) === formatKey(key)
}

/** The attempt that metadata names; undefined where they are not ours. */
export function readKeyMetadata(metadata: Readonly<Record<string, unknown>> | null): AttemptKey | undefined {
  const troupe = metadata?.['troupe']
  if (typeof troupe !== 'object' || troupe === null) return undefined
  const { run, task, attempt } = troupe as Readonly<Record<string, unknown>>
  const number = Number(attempt)
  if (typeof run !== 'string' || typeof task !== 'string' || !Number.isSafeInteger(number)) return undefined
  return { run, task, attempt: number }
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
