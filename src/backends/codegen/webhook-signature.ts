import { createHmac, timingSafeEqual } from 'node:crypto'

/** Where Codegen is to send its webhooks. */
export const CODEGEN_WEBHOOK_PATH = '/v1/webhooks/codegen'
/** Where third parties look for the signature; the provider does not say. */
export const DEFAULT_WEBHOOK_HEADER = 'x-codegen-signature'

/** How the bytes of a signature are written in its header. */
export const WEBHOOK_ENCODINGS = ['hex', 'base64'] as const
export type WebhookEncoding = (typeof WEBHOOK_ENCODINGS)[number]

const FORMS: Readonly<Record<WebhookEncoding, RegExp>> = {
  hex: /^(?:sha256=)?([0-9a-f]{64})$/i,
  base64: /^(?:sha256=)?([A-Za-z0-9+/]{43}=?)$/,
}

/** The bytes that a signature header holds; undefined where it cannot be an HMAC-SHA256. */
export function readSignature(header: string | undefined, encoding: WebhookEncoding): Buffer | undefined {
  const written = FORMS[encoding].exec(header?.trim() ?? '')?.[1]
  return written === undefined ? undefined : Buffer.from(written, encoding)
}

/** Whether the signature is that of the body as it came. Takes the same time wherever it is wrong. */
export function isSignatureOf(signature: Buffer, body: Uint8Array, secret: string): boolean {
  const own = createHmac('sha256', secret).update(body).digest()
  return signature.length === own.length && timingSafeEqual(signature, own)
}
