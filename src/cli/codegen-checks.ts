import type { CodegenEnvironment } from '../accounts.ts'
import { listRepositories } from '../backends/codegen/codegen-repositories.ts'
import { CODEGEN_WEBHOOK_PATH } from '../backends/codegen/webhook-signature.ts'
import { BackendError } from '../domain/errors.ts'
import { type Check, ok, trouble } from './check.ts'
import type { CodegenAccess } from './codegen-account.ts'
import type { TroupeConfig } from './config-file.ts'
import { readWebhook } from './webhook-settings.ts'

/** Whether agents can be created with the account: token, organization, repositories, models, webhook. Changes nothing there. */
export async function* checkCodegen(
  codegen: CodegenAccess,
  account: CodegenEnvironment,
  env: Readonly<Record<string, string | undefined>>,
  config: TroupeConfig | undefined,
): AsyncGenerator<Check> {
  const { client, signal } = codegen
  const token = await tried('token', async () => {
    const { id, name, email } = await client.me(signal)
    return ok('token', `accepted: ${name ?? 'nameless'} (user ${id}${email === null ? '' : `, ${email}`})`)
  })
  yield token
  // Whatever is asked next fails for the same reason.
  if (!token.ok) return
  const organization = await tried('organization', () => checkOrganization(codegen, account))
  yield organization
  if (!organization.ok) return
  const own = await codegen.organization()
  yield await tried('repositories', async () => {
    const { length } = await listRepositories(client, own, signal)
    if (length > 0) return ok('repositories', `${length} that agents may work in`)
    return trouble('repositories', 'the organization has none, so no agent can be created. Add one at Codegen.')
  })
  yield await tried('models', async () => {
    const { models, defaultModel } = await client.models(own, signal)
    return ok('models', `${models.length} to choose from, default ${defaultModel ?? 'not told'}`)
  })
  yield await tried('webhook', () => checkWebhook(codegen, own, env, config))
}

async function checkOrganization(
  { client, signal }: CodegenAccess,
  { organizationId }: CodegenEnvironment,
): Promise<Check> {
  const all = await client.organizations(signal)
  const [first] = all
  if (first === undefined) {
    return trouble('organization', 'the token belongs to none. Use the token of a member of an organization.')
  }
  if (organizationId === undefined) {
    const others = all.length === 1 ? '' : `; the first of ${all.length}: set CODEGEN_ORG_ID to choose`
    return ok('organization', `${nameOf(first)}${others}`)
  }
  const own = all.find(({ id }) => Number(id) === Number(organizationId))
  if (own !== undefined) return ok('organization', nameOf(own))
  const named = all.slice(0, 10).map(nameOf).join(', ')
  return trouble('organization', `CODEGEN_ORG_ID is ${organizationId}, but the token may use ${named}.`)
}

function nameOf({ id, name }: { readonly id: string; readonly name: string | null }): string {
  return name === null ? id : `${name} (${id})`
}

async function checkWebhook(
  { client, signal }: CodegenAccess,
  organization: string,
  env: Readonly<Record<string, string | undefined>>,
  config: TroupeConfig | undefined,
): Promise<Check> {
  const wrong: string[] = []
  const own = readWebhook(config?.serve.webhook, env, wrong)
  const [mistake] = wrong
  if (mistake !== undefined) return trouble('webhook', mistake)
  const { url, enabled, hasSecret } = await client.webhook(organization, signal)
  if (url === null) return ok('webhook', 'none is set: ends of agent runs are noticed by polling')
  if (!enabled) return ok('webhook', `${url} is disabled: ends of agent runs are noticed by polling`)
  const isOurs = URL.canParse(url) && new URL(url).pathname.endsWith(CODEGEN_WEBHOOK_PATH)
  if (isOurs && !hasSecret) {
    const what = 'set CODEGEN_WEBHOOK_SECRET, then troupe codegen webhook set URL'
    return trouble('webhook', `${url} is called without a signature, and troupe serve takes none such: ${what}.`)
  }
  if (isOurs && own === undefined) {
    return ok('webhook', `${url}; troupe serve takes it where CODEGEN_WEBHOOK_SECRET is set, as it is not here`)
  }
  return ok('webhook', `${url}, ${hasSecret ? 'signed' : 'not signed'}`)
}

async function tried(check: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof BackendError) return trouble(check, error.message)
    throw error
  }
}
