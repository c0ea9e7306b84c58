import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'

/** What a stream said, parsed. */
export interface Said {
  readonly type: string
  readonly [key: string]: unknown
}

/** A raw client of the stream, for what the typed one never says. */
export interface StreamClient {
  readonly socket: WebSocket
  readonly said: Said[]
  say(message: unknown): void
  /** Resolves with the first message from here on, or said already, that fits. */
  until(fits: (message: Said) => boolean): Promise<Said>
  closed(): Promise<{ readonly code: number; readonly reason: string }>
}

/** Opens the stream and waits for its welcome. */
export async function openStream(socketPath: string, protocol = 'troupe.v1'): Promise<StreamClient> {
  const socket = new WebSocket('ws://localhost/v1/stream', protocol, { createConnection: () => connect(socketPath) })
  const said: Said[] = []
  const waiters = new Set<() => void>()
  const closing = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  socket.on('message', (data) => {
    said.push(JSON.parse(String(data)))
    for (const wake of waiters) wake()
  })
  onTestFinished(() => socket.terminate())
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
  })
  const until = (fits: (message: Said) => boolean) =>
    new Promise<Said>((resolve) => {
      const wake = () => {
        const found = said.find(fits)
        if (!found) return
        waiters.delete(wake)
        resolve(found)
      }
      waiters.add(wake)
      wake()
    })
  await until(({ type }) => type === 'welcome')
  return { socket, said, until, closed: () => closing, say: (message) => socket.send(JSON.stringify(message)) }
}
