import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

const LEFT_OUT: readonly string[] = ['connection', 'upgrade', 'http2-settings']

/**
 * Whether a request only offers to go on in another protocol than WebSocket, as HTTP clients of some languages do with every
 * request (`Upgrade: h2c`, `Upgrade: TLS/1.2`). Of one with more headers than `maxHeaders` not all are known.
 */
export function wantsOtherProtocol({ headers, method, rawHeaders }: IncomingMessage, maxHeaders: number): boolean {
  const isOther = headers.upgrade !== undefined && !/\bwebsocket\b/i.test(headers.upgrade)
  return isOther && method !== 'CONNECT' && rawHeaders.length / 2 <= maxHeaders
}

/**
 * Takes the request as if it had not offered that, which HTTP leaves to the server: Node has given the connection up to whoever
 * speaks the other protocol, so it is given back with the request before it. It ends after the answer.
 */
export function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!LEFT_OUT.includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`)
  }
  lines.push('Connection: close')
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
