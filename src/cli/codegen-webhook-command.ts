import { UsageError } from '../domain/errors.ts'
import { type CodegenAccess, type CodegenFlags, withCodegen } from './codegen-account.ts'
import { writeOne } from './codegen-output.ts'
import { readConfigFile } from './config-file.ts'
import type { CliContext } from './context.ts'
import { readWebhook } from './webhook-settings.ts'

const ACTIONS = ['show', 'set', 'delete', 'test'] as const
type WebhookAction = (typeof ACTIONS)[number]

/** Shows, sets, deletes or tests the organization's webhook. Throws UsageError for words and settings that cannot be used. */
export async function webhookCommand(
  context: CliContext,
  word: string | undefined,
  url: string | undefined,
  flags: CodegenFlags,
): Promise<number> {
  const action = ACTIONS.find((known) => known === (word ?? 'show'))
  if (action === undefined) throw new UsageError(`webhook ${word}: there is ${ACTIONS.join(', ')}.`)
  const address = checkUrl(action, url)
  const secret = action === 'set' ? await readSecret(context) : ''
  return withCodegen(context, flags, async (codegen) => {
    if (codegen.standIn && (action === 'set' || action === 'test')) {
      throw new UsageError('The embedded stand-in sends no webhooks. Start one with troupe stand-in to try them.')
    }
    await ACT[action](context, flags, codegen, { url: address, secret })
  })
}

type Act = (
  context: CliContext,
  flags: CodegenFlags,
  codegen: CodegenAccess,
  target: { readonly url: string; readonly secret: string },
) => Promise<void>

const ACT: Readonly<Record<WebhookAction, Act>> = {
  async show(context, flags, { client, signal, organization }) {
    const settings = await client.webhook(await organization(), signal)
    const { url, enabled, hasSecret } = settings
    const how = `${enabled ? 'enabled' : 'disabled'}, ${hasSecret ? 'signed' : 'not signed'}`
    writeOne(context, flags, { ...settings }, url === null ? 'The organization has no webhook.' : `${url} (${how})`)
  },
  async set(context, flags, { client, signal, organization }, target) {
    await client.setWebhook(await organization(), target, signal)
    const { url } = target
    writeOne(context, flags, { url, enabled: true, hasSecret: true }, `Ends of agent runs are told to ${url}, signed.`)
  },
  async delete(context, flags, { client, signal, organization }) {
    await client.deleteWebhook(await organization(), signal)
    const words = 'The organization has no webhook any more.'
    writeOne(context, flags, { url: null, enabled: false, hasSecret: false }, words)
  },
  async test(context, flags, { client, signal, organization }, { url }) {
    await client.testWebhook(await organization(), url, signal)
    writeOne(context, flags, { url, sent: true }, `Codegen was asked to send a webhook to ${url}.`)
  },
}

function checkUrl(action: WebhookAction, url: string | undefined): string {
  const takesUrl = action === 'set' || action === 'test'
  if (!takesUrl && url !== undefined) throw new UsageError(`webhook ${action} takes no address.`)
  if (!takesUrl) return ''
  if (url !== undefined && isWebAddress(url)) return url
  throw new UsageError(`webhook ${action}: write an address such as https://troupe.example.com/v1/webhooks/codegen.`)
}

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

/** From the variable that `troupe serve` reads: what is not signed is not taken there. */
async function readSecret({ cwd, env }: CliContext): Promise<string> {
  const { serve } = await readConfigFile(cwd)
  const wrong: string[] = []
  const webhook = readWebhook(serve.webhook, env, wrong)
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'))
  if (webhook !== undefined) return webhook.secret
  throw new UsageError(
    'webhook set: no secret is set, and troupe takes no webhook that is not signed. Set CODEGEN_WEBHOOK_SECRET, as for troupe serve.',
  )
}
