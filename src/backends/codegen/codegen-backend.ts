import type { AgentRunRef, AgentRunState, Backend, BackendCapabilities } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { formatKey } from '../../domain/ids.ts'
import type { Limiter } from '../../domain/limiter.ts'
import type { BackendCall } from '../../domain/measure.ts'
import { createDeadline, shareAnswer } from './abortable.ts'
import { createOrganizationSource } from './codegen-account.ts'
import { type CodegenClient, createCodegenClient } from './codegen-client.ts'
import { createRunFinder } from './codegen-find.ts'
import type { CodegenLimits } from './codegen-limits.ts'
import { findTurnInLogs, readNewestLogs } from './codegen-logs.ts'
import { createRunBody } from './codegen-order.ts'
import { explainRefusal } from './codegen-refusal.ts'
import { createRepositoryFinder } from './codegen-repositories.ts'
import type { CodegenRun } from './codegen-schemas.ts'
import { goneState, toAgentRunState } from './codegen-status.ts'
import { type CodegenWatcher, createCodegenWatcher } from './codegen-watcher.ts'
import { CreatedRuns } from './created-runs.ts'
import { ProviderClock } from './provider-clock.ts'

export { declareCodegenLimits } from './codegen-limits.ts'

/** Where the API is, who asks, and how. */
export interface CodegenBackendOptions {
  /** Without `/v1`. */
  readonly baseUrl: string
  readonly token: string
  /** Default: the first organization that the token's user is a member of. */
  readonly organizationId?: number
  /** Stands in for the network. */
  readonly fetch?: typeof fetch
  readonly clock: Clock
  /** Its buckets are declared with `declareCodegenLimits`. */
  readonly limiter: Limiter
  /** As declared; they pace the watcher. Default: the provider's. */
  readonly limits?: CodegenLimits
  /** Prefix of the buckets' names. Default `codegen`. */
  readonly account?: string
  /** How long one call may take, ms. Default 30 s. */
  readonly timeoutMs?: number
  /** How long after a create of unknown outcome an absent key may still appear, ms. Default 30 s, the stand-in 0. */
  readonly graceMs?: number
  /** The server is the embedded stand-in. */
  readonly standIn?: boolean
  /** Goes with each create and each resume; see `createCodegenWebhook`. Default: as the organization has it set. */
  readonly webhook?: { readonly url: string; readonly secret: string }
  /** Told of each call to the API that came back. */
  readonly onCall?: (call: BackendCall) => void
}

/** The Codegen API as a backend. */
export interface CodegenBackend extends Backend {
  readonly standIn: boolean
  /** It may be time to read a run (a webhook said so): the watcher does, at most once in 5 s a run. */
  wake(id: string): void
}

const CAPABILITIES: BackendCapabilities = {
  idempotentCreate: false,
  cancel: false,
  resumeAfterRestart: true,
  turns: true,
  logs: true,
  steer: false,
  usage: false,
}
const ID = 'codegen'
/** What the watcher saw longer ago is read again. */
const FRESH_MS = 5000
/** Reads at once beyond which they are made together. */
const MOST_SINGLE_READS = 4
/** Then the run is read by itself all the same, which tells why it cannot be read. */
const LONGEST_JOINT_READ_MS = 60_000

/** The Codegen API as a backend. Throws UsageError when the address or the token cannot be used. */
export function createCodegenBackend(options: CodegenBackendOptions): CodegenBackend {
  const { clock, standIn = false, account = ID } = options
  const client = createCodegenClient({ ...options, account })
  const closing = new AbortController()
  const closed = closing.signal
  const organization = createOrganizationSource(client, options.organizationId, closed)
  const organizationOf = async (ref: AgentRunRef, signal: AbortSignal) => {
    const own = ref.extra?.['organization']
    return typeof own === 'string' ? own : organization(signal)
  }
  const userId = shareAnswer(async (signal) => (await client.me(signal)).id, closed)
  const findRepository = createRepositoryFinder(client, clock, organization, closed)
  const watcher = createCodegenWatcher({ ...options, client, organization, organizationOf, userId })
  const providerClock = new ProviderClock()
  const created = new CreatedRuns()
  const find = createRunFinder({ client, organization, userId, toRef, closed, clock, providerClock })
  const read = createReader(client, clock, watcher, organizationOf)
  const logPlace = async (ref: AgentRunRef, signal: AbortSignal) => {
    return { client, organization: await organizationOf(ref, signal), id: ref.id }
  }

  return {
    id: ID,
    account,
    capabilities: CAPABILITIES,
    createBuckets: [`${account}.create`, `${account}.shared`],
    graceMs: options.graceMs ?? (standIn ? 0 : 30_000),
    standIn,
    async create(order, signal) {
      const own = await organization(signal)
      const body = await createRunBody(order, clock, findRepository, signal)
      const answer = await client.create(own, body, signal, formatKey(order.key)).catch(async (error: unknown) => {
        throw await explainRefusal(error, order, client, own, signal)
      })
      const run = created.accept(answer, order.key, own)
      providerClock.created(run.createdAt, clock.now())
      return toRef(run, own)
    },
    find,
    read,
    follow: (ref, onHint, signal) => watcher.watch(ref, onHint, signal),
    async prompt(ref, message, signal) {
      const own = await organizationOf(ref, signal)
      try {
        await client.resume(own, ref.id, message.text, signal)
      } finally {
        watcher.renew(ref.id)
      }
    },
    async findTurn(ref, turn, signal) {
      return findTurnInLogs(await logPlace(ref, signal), turn, signal)
    },
    async logs(ref, limit, signal) {
      return readNewestLogs(await logPlace(ref, signal), limit, signal)
    },
    howToStop: (ref) => (standIn ? undefined : howToStop(ref.id)),
    wake: (id) => watcher.wake(id),
    async close() {
      watcher.close()
      closing.abort(new Error('The backend was closed.'))
    },
  }
}

function toRef(run: CodegenRun, organization: string): AgentRunRef {
  return {
    backend: ID,
    id: run.id,
    ...(run.url === null ? {} : { url: run.url }),
    ...(run.createdAt === null ? {} : { createdAt: run.createdAt }),
    extra: { organization },
  }
}

/** An id that a shell would take for more than a word is not made part of a command that people copy. */
function howToStop(id: string): string | undefined {
  if (!/^\w[\w-]*$/.test(id)) return undefined
  return `\`troupe codegen ban ${id}\` flags its pull request and stops its agents`
}

/** Reads a run: what the watcher has just seen, else the run itself; where many are read at once, the watcher's next page. */
function createReader(
  client: CodegenClient,
  clock: Clock,
  watcher: CodegenWatcher,
  organizationOf: (ref: AgentRunRef, signal: AbortSignal) => Promise<string>,
) {
  let reading = 0
  const readAlone = async (ref: AgentRunRef, signal: AbortSignal): Promise<AgentRunState> => {
    const own = await organizationOf(ref, signal)
    const askedAt = clock.now()
    const seen = await client.get(own, ref.id, signal).then(
      ({ value, sentAt }) => ({ state: toAgentRunState(value, sentAt), fetchedAt: sentAt }),
      (error: unknown) => {
        if (!(error instanceof BackendError) || error.kind !== 'not-found') throw error
        return { state: goneState(askedAt), fetchedAt: askedAt }
      },
    )
    watcher.observe(ref.id, seen)
    return seen.state
  }
  const readJointly = async (ref: AgentRunRef, signal: AbortSignal): Promise<AgentRunState | undefined> => {
    const deadline = createDeadline(clock, LONGEST_JOINT_READ_MS, signal)
    try {
      return await watcher.next(ref, deadline.signal)
    } catch {
      signal.throwIfAborted()
      return undefined
    } finally {
      deadline.clear()
    }
  }
  return async (ref: AgentRunRef, signal: AbortSignal): Promise<AgentRunState> => {
    signal.throwIfAborted()
    const latest = watcher.latest(ref.id)
    if (latest !== undefined && clock.now() - latest.fetchedAt <= FRESH_MS) return latest.state
    if (reading >= MOST_SINGLE_READS) {
      const state = await readJointly(ref, signal)
      if (state !== undefined) return state
    }
    reading++
    try {
      return await readAlone(ref, signal)
    } finally {
      reading--
    }
  }
}
