import { type Context, Hono } from 'hono'
import type { Clock } from '../../domain/clock.ts'
import { WebhookBodies, type WebhookBody } from './webhook-body.ts'
import { type PayloadTrouble, readRunIds } from './webhook-payload.ts'
import { WebhookReplays } from './webhook-replays.ts'
import {
  CODEGEN_WEBHOOK_PATH,
  DEFAULT_WEBHOOK_HEADER,
  isSignatureOf,
  readSignature,
  type WebhookEncoding,
} from './webhook-signature.ts'

/** How webhooks are recognised. The provider documents neither header nor encoding. */
export interface CodegenWebhookOptions {
  /** Shared with the provider, which signs the body's bytes with it (HMAC-SHA256). Without one the path does not exist. */
  readonly secret?: string | undefined
  /** Header of the signature, with or without `sha256=` before it. @default 'x-codegen-signature' */
  readonly header?: string | undefined
  /** @default 'hex' */
  readonly encoding?: WebhookEncoding | undefined
  /** Tells how long a body is remembered. */
  readonly clock: Clock
  /** It may be time to read this agent run, if there is one of that id. Must not throw. */
  readonly wake: (agentRunId: string) => void
  /** Told why a signed webhook was of no use. */
  readonly ignored?: (why: PayloadTrouble | 'it came before') => void
}

const MOST_BODY_BYTES = 256 * 1024
/** Of all bodies that are arriving; their senders have shown nothing yet. */
const MOST_ARRIVING_BYTES = 16 * 1024 * 1024

/**
 * Takes webhooks of Codegen for hints: a signed one wakes the watch of the agent runs that it names, and whatever else it says is
 * not read. So one that is late, doubled, forged or missing changes no more than when a run is next looked at.
 */
export function createCodegenWebhook(options: CodegenWebhookOptions): Hono {
  const app = new Hono()
  app.notFound((c) => refuse(c, 404, 'not-found', 'There is nothing here.'))
  const { secret } = options
  if (secret) app.all(CODEGEN_WEBHOOK_PATH, createReceiver({ ...options, secret }))
  return app
}

function createReceiver(options: CodegenWebhookOptions & { readonly secret: string }) {
  const { secret, header = DEFAULT_WEBHOOK_HEADER, encoding = 'hex', clock, wake, ignored } = options
  const bodies = new WebhookBodies(MOST_BODY_BYTES, MOST_ARRIVING_BYTES)
  const replays = new WebhookReplays(clock)
  return async (c: Context): Promise<Response> => {
    if (c.req.method !== 'POST') {
      return refuse(c, 405, 'method-not-allowed', 'Webhooks are sent with POST.', { allow: 'POST' })
    }
    const signature = readSignature(c.req.header(header), encoding)
    if (signature === undefined) return unauthorized(c)
    const body = await bodies.read(c.req.raw)
    if (typeof body === 'string') return refuse(c, ...REFUSALS[body])
    if (!isSignatureOf(signature, body, secret)) return unauthorized(c)
    if (replays.seen(signature.toString('base64'))) {
      ignored?.('it came before')
      return c.json({}, 200)
    }
    const ids = readRunIds(body)
    if (typeof ids === 'string') ignored?.(ids)
    else for (const id of ids) wake(id)
    return c.json({}, 202)
  }
}

const REFUSALS: Readonly<Record<Exclude<WebhookBody, Uint8Array>, Refusal>> = {
  'too-large': [413, 'too-large', `The body is larger than ${MOST_BODY_BYTES} bytes.`],
  busy: [503, 'busy', 'Too many webhooks are arriving at once.', { 'retry-after': '5' }],
  broken: [400, 'usage', 'The body broke off.'],
}

type Refusal = readonly [
  status: 400 | 401 | 404 | 405 | 413 | 503,
  code: string,
  message: string,
  headers?: Readonly<Record<string, string>>,
]

/** The same whatever is wrong: nobody is helped to guess. */
function unauthorized(c: Context): Response {
  return refuse(c, 401, 'unauthorized', 'The webhook is not signed as it has to be.', {
    'www-authenticate': 'Signature realm="troupe"',
  })
}

/** As every error of the API looks. */
function refuse(c: Context, ...[status, code, message, headers = {}]: Refusal): Response {
  return c.json({ code, message, details: {} }, status, { ...headers })
}
