import { BackendError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import { type CodegenAccount, createCodegenAccount } from './codegen-account.ts'
import { BodyTooLargeError, type CodegenAnswer, type CodegenCall, type CodegenWebhookTarget } from './codegen-http.ts'
import {
  type CodegenLog,
  type CodegenRun,
  doneSchema,
  logPageSchema,
  runPageSchema,
  runSchema,
} from './codegen-schemas.ts'
import {
  type CodegenClientOptions,
  type CodegenPage,
  createCodegenSender,
  numberIfOne,
  OF_ORGANIZATION,
  organizationPath,
  type PageQuery,
  tooLarge,
} from './codegen-sender.ts'

/** Body of a create, as the API names its fields. */
export interface CreateRunBody {
  readonly prompt: string
  readonly metadata: JsonObject
  readonly repo_id?: number
  readonly model?: string
  readonly agent_type?: string
  readonly images?: readonly string[]
  readonly webhooks?: readonly CodegenWebhookTarget[]
}

/** Which runs of an organization are listed. */
export interface ListRunsQuery extends PageQuery {
  readonly userId?: string | undefined
  readonly sourceType?: string | undefined
  /** In place of the client's, ms. */
  readonly timeoutMs?: number
}

/** Which entries of a log are read. */
export interface LogsQuery extends PageQuery {
  /** Newest first. */
  readonly reverse: boolean
}

/**
 * The operations of the API that concern agents. Each goes through the limiter once a call, and is never repeated here.
 * All throw BackendError, or the signal's reason.
 */
export interface CodegenClient extends CodegenAccount {
  readonly account: string
  /** `holder` is the attempt (RUN/TASK/ATTEMPT) whose reservation is used. */
  create(organization: string, body: CreateRunBody, signal: AbortSignal, holder: string): Promise<CodegenRun>
  get(organization: string, id: string, signal: AbortSignal, timeoutMs?: number): Promise<CodegenAnswer<CodegenRun>>
  /** Newest first. */
  list(organization: string, query: ListRunsQuery, signal: AbortSignal): Promise<CodegenPage<CodegenRun>>
  /** A further prompt for a run that has ended or is paused. */
  resume(organization: string, id: string, prompt: string, signal: AbortSignal): Promise<CodegenRun>
  logs(organization: string, id: string, query: LogsQuery, signal: AbortSignal): Promise<CodegenPage<CodegenLog>>
  /** Flags the pull request of a run and stops all agents of it. */
  ban(organization: string, id: string, signal: AbortSignal): Promise<void>
  /** Takes the flag away; what was stopped does not go on by it. */
  unban(organization: string, id: string, signal: AbortSignal): Promise<void>
  /** Takes Codegen off the pull request of a run and stops all agents of it. */
  removeFromPullRequest(organization: string, id: string, signal: AbortSignal): Promise<void>
}

/** A client of the Codegen API. Throws UsageError when the address or the token cannot be used. */
export function createCodegenClient(options: CodegenClientOptions): CodegenClient {
  const sender = createCodegenSender(options)
  const { send, page } = sender
  const hooks = options.webhook === undefined ? {} : { webhooks: [{ ...options.webhook }] }
  // The API names no limit of their own for these.
  const stop = async (operation: string, call: Omit<CodegenCall, 'operation'>, signal: AbortSignal) => {
    await send('shared', { ...call, operation }, doneSchema, signal)
  }

  return {
    ...createCodegenAccount(sender),
    account: sender.account,
    async create(organization, body, signal, holder) {
      return (await send('create', createCall(organization, { ...body, ...hooks }), runSchema, signal, holder)).value
    },
    async get(organization, id, signal, timeoutMs) {
      const what = { ...getCall(organization, id), timeoutMs }
      const answer = await send('standard', what, runSchema, signal).catch((error: unknown) => {
        throw error instanceof BodyTooLargeError ? tooLarge(what) : error
      })
      if (answer.value.id !== id) throw wrongRun(what)
      return answer
    },
    list(organization, query, signal) {
      return page('standard', listCall(organization, query), runPageSchema, query.limit, signal)
    },
    async resume(organization, id, prompt, signal) {
      return (await send('standard', resumeCall(organization, id, { prompt, ...hooks }), runSchema, signal)).value
    },
    logs(organization, id, query, signal) {
      return page('shared', logsCall(organization, id, query), logPageSchema, query.limit, signal)
    },
    ban(organization, id, signal) {
      return stop('banRun', stopCall(organization, id, 'ban', `ban agent run ${id}`), signal)
    },
    unban(organization, id, signal) {
      return stop('unbanRun', stopCall(organization, id, 'unban', `lift the ban of agent run ${id}`), signal)
    },
    removeFromPullRequest(organization, id, signal) {
      const action = `remove agent run ${id} from its pull request`
      return stop('removeFromPullRequest', stopCall(organization, id, 'remove-from-pr', action), signal)
    },
  }
}

function createCall(organization: string, body: CreateRunBody): CodegenCall {
  return {
    operation: 'createRun',
    method: 'POST',
    path: `${organizationPath(organization)}/agent/run`,
    body: { ...body },
    action: 'create an agent run',
    scope: 'organization',
    notFound: 'refused',
  }
}

function getCall(organization: string, id: string): CodegenCall {
  const path = `${organizationPath(organization)}/agent/run/${encodeURIComponent(id)}`
  return { operation: 'getRun', method: 'GET', path, action: `read agent run ${id}`, ...OF_ORGANIZATION }
}

function listCall(organization: string, query: ListRunsQuery): CodegenCall {
  return {
    operation: 'listRuns',
    method: 'GET',
    path: `${organizationPath(organization)}/agent/runs`,
    query: { skip: query.skip, user_id: query.userId, source_type: query.sourceType },
    action: 'list agent runs',
    timeoutMs: query.timeoutMs,
    ...OF_ORGANIZATION,
  }
}

function resumeCall(organization: string, id: string, body: Pick<CreateRunBody, 'prompt' | 'webhooks'>): CodegenCall {
  return {
    operation: 'resumeRun',
    method: 'POST',
    path: `${organizationPath(organization)}/agent/run/resume`,
    body: { agent_run_id: numberIfOne(id), ...body },
    action: `resume agent run ${id}`,
    ...OF_ORGANIZATION,
  }
}

function stopCall(
  organization: string,
  id: string,
  path: 'ban' | 'unban' | 'remove-from-pr',
  action: string,
): Omit<CodegenCall, 'operation'> {
  return {
    method: 'POST',
    path: `${organizationPath(organization)}/agent/run/${path}`,
    body: { agent_run_id: numberIfOne(id) },
    action,
    ...OF_ORGANIZATION,
  }
}

function logsCall(organization: string, id: string, query: LogsQuery): CodegenCall {
  return {
    operation: 'readLogs',
    method: 'GET',
    path: `alpha/${organizationPath(organization)}/agent/run/${encodeURIComponent(id)}/logs`,
    query: { skip: query.skip, reverse: query.reverse },
    action: `read the log of agent run ${id}`,
    ...OF_ORGANIZATION,
  }
}

function wrongRun(call: CodegenCall): BackendError {
  return new BackendError(`Codegen could not ${call.action}: the answer is about another agent run.`, {
    kind: 'unreachable',
    retryable: true,
    certain: true,
    status: 200,
  })
}
