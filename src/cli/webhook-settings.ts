import {
  CODEGEN_WEBHOOK_PATH,
  DEFAULT_WEBHOOK_HEADER,
  WEBHOOK_ENCODINGS,
  type WebhookEncoding,
} from '../backends/codegen/webhook-signature.ts'
import type { WebhookConfig } from './config-file.ts'

/** How webhooks of Codegen are recognised. */
export interface WebhookSettings {
  readonly secret: string
  readonly header: string
  readonly encoding: WebhookEncoding
}

const SECRET_ENV = 'CODEGEN_WEBHOOK_SECRET'
const HEADER_ENV = 'CODEGEN_WEBHOOK_HEADER'
const ENCODING_ENV = 'CODEGEN_WEBHOOK_ENCODING'

/** The environment goes before the file. Undefined without a secret: then no webhooks are taken. */
export function readWebhook(
  config: WebhookConfig = {},
  env: Readonly<Record<string, string | undefined>>,
  wrong: string[],
): WebhookSettings | undefined {
  const header = env[HEADER_ENV] || config.header || DEFAULT_WEBHOOK_HEADER
  if (!isHeaderName(header)) wrong.push(`${HEADER_ENV}: write the name of a header, such as ${DEFAULT_WEBHOOK_HEADER}.`)
  const wanted = env[ENCODING_ENV] || config.encoding || 'hex'
  const encoding = WEBHOOK_ENCODINGS.find((known) => known === wanted)
  if (encoding === undefined) wrong.push(`${ENCODING_ENV}: write ${WEBHOOK_ENCODINGS.join(' or ')}.`)
  const { secretEnv = SECRET_ENV } = config
  const secret = env[secretEnv]
  if (!secret && config.secretEnv !== undefined) {
    wrong.push(
      `The secret of webhooks is to be read from ${secretEnv}, which is not set. Set it, or take it out of the file.`,
    )
  }
  return secret && encoding ? { secret, header, encoding } : undefined
}

/** Where Codegen is told to send webhooks: nowhere without a secret, since what is not signed is not taken. */
export function readWebhookUrl(
  publicUrl: string | undefined,
  webhook: WebhookSettings | undefined,
  wrong: string[],
): string | undefined {
  if (publicUrl === undefined) return undefined
  if (!isPublicUrl(publicUrl)) wrong.push(`--public-url: ${PUBLIC_URL_HINT}.`)
  return webhook && `${publicUrl.replace(/\/+$/, '')}${CODEGEN_WEBHOOK_PATH}`
}

export const PUBLIC_URL_HINT = 'write one such as https://troupe.example.com, without user, query and fragment'

/** Whether something can be asked for below this address. */
export function isPublicUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}

export function isHeaderName(text: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(text)
}
