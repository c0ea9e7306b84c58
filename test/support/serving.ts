import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createRunViews } from '../../src/api/run-views.ts'
import { createLog } from '../../src/server/log.ts'
import type { LogLevel } from '../../src/server/log-level.ts'
import type { ServeOptions, ServeParts } from '../../src/server/serve-options.ts'
import { type StartedServer, startServer } from '../../src/server/start-server.ts'
import { FakeOrchestrator } from './fake-orchestrator.ts'

/** One token of each kind. */
export const TOKENS = [
  { name: 'ann', token: 'ann-may-do-everything-here', access: 'command' },
  { name: 'board', token: 'board-may-only-look-on-this', access: 'watch' },
] as const
export const [COMMAND_TOKEN, WATCH_TOKEN] = [TOKENS[0].token, TOKENS[1].token]

/** A line of a server's log. */
export type LogLine = Readonly<Record<string, unknown>>

/** A real server on a free port, over an orchestrator that does what the test says. */
export interface Served {
  readonly orchestrator: FakeOrchestrator
  readonly server: StartedServer
  readonly url: string
  readonly port: number
  /** What was logged. */
  readonly lines: LogLine[]
  /** Asks over HTTP; a path, or a path with a token. */
  ask(path: string, init?: RequestInit & { readonly token?: string }): Promise<Response>
}

export async function serving(
  options: ServeOptions & ServeParts & { readonly logLevel?: LogLevel } = {},
): Promise<Served> {
  const orchestrator = new FakeOrchestrator()
  const lines: LogLine[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const secrets = [...(options.tokens ?? []).map(({ token }) => token), options.webhook?.secret ?? '']
  const log = createLog({ level: options.logLevel ?? 'debug', write, secrets })
  const views = options.views ?? createRunViews(orchestrator, orchestrator.reader())
  const server = await startServer(orchestrator, { port: 0, log, views, drainMs: 200, ...options })
  onTestFinished(() => server.close())
  const ask = (path: string, { token, headers, ...init }: RequestInit & { readonly token?: string } = {}) => {
    const all = new Headers(headers)
    if (token !== undefined) all.set('authorization', `Bearer ${token}`)
    return fetch(`${server.url}${path}`, { redirect: 'manual', ...init, headers: all })
  }
  return { orchestrator, server, url: server.url, port: server.port, lines, ask }
}

/** What a server said on a bare connection until it ended it. */
export interface RawAnswer {
  readonly text: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Sends bytes as they are. `open`: keeps the connection until the server ends it; else it ends after the answer. */
export function sendRaw(port: number, text: string, host = '127.0.0.1'): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let said = ''
    socket.on('data', (chunk) => {
      said += chunk
    })
    socket.on('error', (error) => (said === '' ? reject(error) : undefined))
    socket.on('close', () => resolve(readRaw(said)))
    socket.write(text)
  })
}

/** A request as bytes, with the Host of the server and a connection that ends. */
export function rawRequest(port: number, line: string, headers: readonly string[] = []): string {
  const own = headers.some((header) => /^host:/i.test(header)) ? [] : [`Host: 127.0.0.1:${port}`]
  return `${[line, ...own, 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`
}

/** A WebSocket handshake as bytes. */
export function rawUpgrade(port: number, headers: readonly string[] = [], path = '/v1/stream'): string {
  const all = [
    `GET ${path} HTTP/1.1`,
    ...(headers.some((header) => /^host:/i.test(header)) ? [] : [`Host: 127.0.0.1:${port}`]),
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...(headers.some((header) => /^sec-websocket-protocol:/i.test(header))
      ? []
      : ['Sec-WebSocket-Protocol: troupe.v1']),
    ...headers,
  ]
  return `${all.join('\r\n')}\r\n\r\n`
}

/** How an attempt to open a WebSocket came out. */
export type Opened =
  | { readonly open: true; readonly protocol: string; readonly socket: WebSocket; readonly said: string[] }
  | { readonly open: false; readonly status: number; readonly body: unknown }

/** Opens a WebSocket, or is told why not. */
export function openSocket(
  port: number,
  {
    path = '/v1/stream',
    protocols = ['troupe.v1'],
    headers = {},
    host = '127.0.0.1',
  }: {
    readonly path?: string
    readonly protocols?: readonly string[]
    readonly headers?: Readonly<Record<string, string>>
    readonly host?: string
  } = {},
): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${host}:${port}${path}`, [...protocols], { headers })
    const said: string[] = []
    onTestFinished(() => socket.terminate())
    socket.on('message', (data) => said.push(String(data)))
    socket.on('open', () => resolve({ open: true, protocol: socket.protocol, socket, said }))
    socket.on('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ open: false, status: response.statusCode ?? 0, body: JSON.parse(body) }))
    })
    socket.on('error', reject)
  })
}

/** Resolves once `done` says so; asked again whenever the event loop has turned. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}

function readRaw(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [line = '', ...fields] = head.split('\r\n')
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  return { text, status: Number(line.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n') }
}
