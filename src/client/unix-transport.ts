import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { HolderGoneError } from './holder-gone-error.ts'
import { openNodeSocket } from './node-socket.ts'
import type { HttpAnswer, HttpRequest, Transport } from './transport.ts'

// A connection a request: an idle one would keep a finished command alive.
const agent = new Agent({ keepAlive: false })

/** Failed before a connection stood. */
class NotSent extends Error {}

/** Reaches the process that listens at `socketPath`; what fails is a HolderGoneError. */
export function unixTransport(socketPath: string): Transport {
  return {
    headers: {},
    bareSockets: false,
    exchange: (asked) => exchange(socketPath, asked),
    mayHaveArrived: (cause) => !(cause instanceof NotSent),
    failure: (failure) => new HolderGoneError(socketPath, failure),
    openSocket: (path, protocols, events) =>
      // ws takes a socket's path only as part of a URL, where some characters would be lost.
      openNodeSocket(`ws://localhost${path}`, protocols, { connect: () => connect({ path: socketPath }) }, events),
  }
}

function exchange(socketPath: string, { method, path, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let sent = false
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const outgoing = request({ socketPath, agent, method, path, headers: { ...headers, ...length }, signal })
    outgoing.on('socket', (socket) => {
      socket.once('connect', () => {
        sent = true
      })
    })
    outgoing.on('error', (cause) => reject(sent ? cause : new NotSent(cause.message, { cause })))
    outgoing.on('response', (incoming) => {
      readText(incoming).then((text) => resolve({ status: incoming.statusCode ?? 0, text }), reject)
    })
    outgoing.end(body)
  })
}

function readText(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    incoming.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
    incoming.on('error', reject)
    incoming.on('aborted', () => reject(new Error('the answer broke off')))
  })
}
