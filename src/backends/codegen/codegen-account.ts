import { BackendError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import { shareAnswer } from './abortable.ts'
import {
  type CodegenModels,
  type CodegenOrganization,
  type CodegenRepository,
  type CodegenUser,
  type CodegenWebhookSettings,
  modelsSchema,
  organizationPageSchema,
  repositoryPageSchema,
  type StartedAgentRun,
  startedRunSchema,
  userSchema,
  webhookSettingsSchema,
} from './codegen-account-schemas.ts'
import type { CodegenCall } from './codegen-http.ts'
import { doneSchema } from './codegen-schemas.ts'
import {
  type CodegenPage,
  type CodegenSender,
  numberIfOne,
  OF_ORGANIZATION,
  organizationPath,
  type PageQuery,
} from './codegen-sender.ts'

/** The operations of the API that concern an account: who it is, what it has, and what is set for all its agent runs. */
export interface CodegenAccount {
  /** The user whom the token belongs to. */
  me(signal: AbortSignal): Promise<CodegenUser>
  organizations(signal: AbortSignal): Promise<readonly CodegenOrganization[]>
  repositories(organization: string, query: PageQuery, signal: AbortSignal): Promise<CodegenPage<CodegenRepository>>
  models(organization: string, signal: AbortSignal): Promise<CodegenModels>
  /** Starts an agent run that works out how a repository is set up. A lost answer leaves open whether it did. */
  generateSetupCommands(
    organization: string,
    order: { readonly repository: number; readonly prompt?: string | undefined },
    signal: AbortSignal,
  ): Promise<StartedAgentRun>
  /** Starts an agent run that looks at the setup logs of a sandbox. A lost answer leaves open whether it did. */
  analyzeLogs(organization: string, sandbox: string, signal: AbortSignal): Promise<StartedAgentRun>
  /** Where the end of agent runs is told that have no webhook of their own. */
  webhook(organization: string, signal: AbortSignal): Promise<CodegenWebhookSettings>
  setWebhook(
    organization: string,
    target: { readonly url: string; readonly secret: string },
    signal: AbortSignal,
  ): Promise<void>
  deleteWebhook(organization: string, signal: AbortSignal): Promise<void>
  /** Has a webhook sent to an address now. */
  testWebhook(organization: string, url: string, signal: AbortSignal): Promise<void>
}

/** The account operations, sent by `sender`. */
export function createCodegenAccount(sender: CodegenSender): CodegenAccount {
  return {
    async me(signal) {
      return (await sender.send('standard', ME, userSchema, signal)).value
    },
    async organizations(signal) {
      return (await sender.send('standard', ORGANIZATIONS, organizationPageSchema, signal)).value.items
    },
    repositories(organization, { skip, limit }, signal) {
      return sender.page('standard', repositoriesCall(organization, skip), repositoryPageSchema, limit, signal)
    },
    async models(organization, signal) {
      return (await sender.send('standard', modelsCall(organization), modelsSchema, signal)).value
    },
    async generateSetupCommands(organization, order, signal) {
      return (await sender.send('setup', setupCall(organization, order), startedRunSchema, signal)).value
    },
    async analyzeLogs(organization, sandbox, signal) {
      return (await sender.send('analyze', analyzeCall(organization, sandbox), startedRunSchema, signal)).value
    },
    // The API names no limit for the setting itself.
    async webhook(organization, signal) {
      const call = webhookCall(organization, 'readWebhook', 'GET', 'read the webhook setting')
      return (await sender.send('shared', call, webhookSettingsSchema, signal)).value
    },
    async setWebhook(organization, { url, secret }, signal) {
      const call = webhookCall(organization, 'setWebhook', 'POST', 'set the webhook', { url, secret, enabled: true })
      await sender.send('shared', { ...call, secret }, doneSchema, signal)
    },
    async deleteWebhook(organization, signal) {
      const call = webhookCall(organization, 'deleteWebhook', 'DELETE', 'delete the webhook')
      await sender.send('shared', call, doneSchema, signal)
    },
    async testWebhook(organization, url, signal) {
      const call = webhookCall(organization, 'testWebhook', 'POST', 'have a webhook sent', { url })
      await sender.send('webhook-test', { ...call, path: `${call.path}/test` }, doneSchema, signal)
    },
  }
}

/** The organization that is worked in: the one given, else the first of the token's user, which is asked for once. */
export function createOrganizationSource(
  account: Pick<CodegenAccount, 'organizations'>,
  given: number | undefined,
  closed: AbortSignal,
): (signal: AbortSignal) => Promise<string> {
  if (given !== undefined) return async () => String(given)
  return shareAnswer(async (signal) => {
    const [first] = await account.organizations(signal)
    if (first !== undefined) return first.id
    throw new BackendError('The token belongs to no organization. Set CODEGEN_ORG_ID to one that it may use.', {
      kind: 'auth',
      retryable: false,
      certain: true,
    })
  }, closed)
}

const OF_TOKEN = { method: 'GET', scope: 'token', notFound: 'not-found' } as const
const ME: CodegenCall = { operation: 'getUser', path: 'users/me', action: 'tell whose token this is', ...OF_TOKEN }
const ORGANIZATIONS: CodegenCall = {
  operation: 'listOrganizations',
  path: 'organizations',
  action: 'list the organizations',
  ...OF_TOKEN,
}

function repositoriesCall(organization: string, skip: number): CodegenCall {
  const path = `${organizationPath(organization)}/repos`
  const operation = 'listRepositories'
  return { operation, method: 'GET', path, query: { skip }, action: 'list the repositories', ...OF_ORGANIZATION }
}

function modelsCall(organization: string): CodegenCall {
  const path = `${organizationPath(organization)}/models`
  return { operation: 'listModels', method: 'GET', path, action: 'list the models', ...OF_ORGANIZATION }
}

function setupCall(
  organization: string,
  { repository, prompt }: { readonly repository: number; readonly prompt?: string | undefined },
): CodegenCall {
  return {
    operation: 'generateSetupCommands',
    method: 'POST',
    path: `${organizationPath(organization)}/setup-commands/generate`,
    body: { repo_id: repository, ...(prompt === undefined ? {} : { prompt }) },
    action: `generate setup commands for repository ${repository}`,
    ...OF_ORGANIZATION,
  }
}

function analyzeCall(organization: string, sandbox: string): CodegenCall {
  return {
    operation: 'analyzeLogs',
    method: 'POST',
    path: `${organizationPath(organization)}/sandbox/${encodeURIComponent(String(numberIfOne(sandbox)))}/analyze-logs`,
    action: `analyze the logs of sandbox ${sandbox}`,
    ...OF_ORGANIZATION,
  }
}

function webhookCall(
  organization: string,
  operation: string,
  method: CodegenCall['method'],
  action: string,
  body?: JsonObject,
): CodegenCall {
  const path = `${organizationPath(organization)}/webhooks/agent-run`
  return { operation, method, path, action, ...OF_ORGANIZATION, ...(body === undefined ? {} : { body }) }
}
