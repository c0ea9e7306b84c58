import { Agent, type IncomingMessage, request } from 'node:http'
import { type ErrorBody, reviveError } from '../api/errors.ts'
import { HolderGoneError } from './holder-gone-error.ts'

/** One request to the control socket. */
export interface UnixRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  readonly signal?: AbortSignal
  /** How long the socket may be silent, ms; absent: for ever. */
  readonly silenceMs?: number
}

// A connection a request: an idle one would keep a finished command alive.
const agent = new Agent({ keepAlive: false })

/**
 * Sends a request over a Unix socket and gives the JSON that came back. Throws what the other side threw (the same class), or
 * HolderGoneError when there is no whole answer.
 */
export async function requestJson(socketPath: string, asked: UnixRequest): Promise<unknown> {
  const { status, text } = await exchange(socketPath, asked)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new HolderGoneError(socketPath, { sent: true, why: `answered ${status} with no JSON`, cause })
  }
  if (status < 400) return value
  throw reviveError(asErrorBody(value, status))
}

function exchange(socketPath: string, asked: UnixRequest): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let sent = false
    const fail = (cause: unknown, why: string) =>
      reject(asked.signal?.aborted ? asked.signal.reason : new HolderGoneError(socketPath, { sent, why, cause }))
    const json = asked.body === undefined ? undefined : JSON.stringify(asked.body)
    const outgoing = request({
      socketPath,
      agent,
      method: asked.method,
      path: asked.path,
      headers:
        json === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) },
      ...(asked.signal ? { signal: asked.signal } : {}),
    })
    outgoing.on('socket', (socket) => {
      socket.once('connect', () => {
        sent = true
      })
    })
    if (asked.silenceMs !== undefined) {
      outgoing.setTimeout(asked.silenceMs, () =>
        outgoing.destroy(new Error(`It was silent for ${asked.silenceMs} ms.`)),
      )
    }
    outgoing.on('error', (cause) => fail(cause, cause.message))
    outgoing.on('response', (incoming) => {
      readText(incoming).then(
        (text) => resolve({ status: incoming.statusCode ?? 0, text }),
        (cause) => fail(cause, 'broke off'),
      )
    })
    outgoing.end(json)
  })
}

function readText(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    incoming.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
    incoming.on('error', reject)
    incoming.on('aborted', () => reject(new Error('The answer broke off.')))
  })
}

function asErrorBody(value: unknown, status: number): ErrorBody {
  const body = typeof value === 'object' && value !== null ? (value as Partial<ErrorBody>) : {}
  return {
    code: typeof body.code === 'string' ? body.code : 'internal',
    message: typeof body.message === 'string' ? body.message : `The holder answered ${status}.`,
    details: typeof body.details === 'object' && body.details !== null ? body.details : {},
  }
}
