import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { type ErrorBody, reviveError } from '../api/errors.ts'
import { formatCursor, type ServerMessage, STREAM_PATH, STREAM_PROTOCOL } from '../api/stream-protocol.ts'
import type { RunRecord } from '../domain/record.ts'
import { HolderGoneError } from './holder-gone-error.ts'

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024

/**
 * Brings every record of `run` with seq > `after`, in order, each once. Resolves when aborted; throws HolderGoneError when the
 * holder ends or dies, and what the holder refused the subscription with.
 */
export function followRecords(
  socketPath: string,
  run: string,
  after: number,
  onRecords: (records: readonly RunRecord[]) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve()
    // ws takes a socket's path only as part of a URL, where some characters would be lost.
    const socket = new WebSocket(`ws://localhost${STREAM_PATH}`, STREAM_PROTOCOL, {
      createConnection: () => connect({ path: socketPath }),
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    })
    let open = false
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort)
      settle()
      socket.terminate()
    }
    const gone = (why: string, cause?: unknown) =>
      end(() => reject(new HolderGoneError(socketPath, { sent: false, why, cause })))
    const onAbort = () => end(resolve)
    signal.addEventListener('abort', onAbort, { once: true })

    socket.on('open', () => {
      open = true
      const cursor = formatCursor({ seqs: new Map([[run, after]]) })
      socket.send(JSON.stringify({ type: 'subscribe', id: run, runs: [run], after: cursor }))
    })
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage
      if (message.type === 'records') onRecords(message.records)
      if (message.type === 'reply' && !message.ok) end(() => reject(reviveError(message.error satisfies ErrorBody)))
    })
    socket.on('error', (cause) => gone(open ? `the stream broke: ${cause.message}` : cause.message, cause))
    socket.on('close', (_code, reason) => gone(String(reason) || 'the stream ended'))
  })
}
