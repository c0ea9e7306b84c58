import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { RunRecord } from '../../src/domain/record.ts'

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

/** Opens the stream at a port of this machine, or at the path of a control socket, and waits for its welcome. */
export async function openStream(
  where: number | string,
  protocol: string | string[] = 'troupe.v1',
): Promise<StreamClient> {
  const socket =
    typeof where === 'number'
      ? new WebSocket(`ws://127.0.0.1:${where}/v1/stream`, protocol)
      : new WebSocket('ws://localhost/v1/stream', protocol, { createConnection: () => connect(where) })
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

/** The records of a message; none of another. */
function recordsOf(message: Said): readonly RunRecord[] {
  return message.type === 'records' ? (message['records'] as RunRecord[]) : []
}

/** Run and seq of every record that came. */
export function seen({ said }: Pick<StreamClient, 'said'>): readonly (readonly [string, number])[] {
  return said.flatMap(recordsOf).map(({ run, seq }) => [run, seq] as const)
}

export const isCaughtUp = ({ type }: Said) => type === 'caught-up'

/** Whether a message brings this record. */
export const hasSeq = (run: string, seq: number) => (message: Said) =>
  recordsOf(message).some((each) => each.run === run && each.seq === seq)

/** The answer to a message. */
export const answers =
  (id: string) =>
  (message: Said): boolean =>
    message.type === 'reply' && message['id'] === id

export function lastCursor({ said }: Pick<StreamClient, 'said'>): unknown {
  return said.findLast(({ cursor }) => cursor !== undefined)?.['cursor']
}
