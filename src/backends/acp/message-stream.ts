import { type AnyMessage, methods, type Stream } from '@agentclientprotocol/sdk'
import { BackendError } from '../../domain/errors.ts'

/** An agent at work, whatever carries its lines. */
export interface AgentWire {
  readonly pid: number
  readonly startedAt: string
  /** Its standard output, line by line; ends when that does. What is too long is cut. */
  readonly lines: AsyncIterable<string>
  /** Resolves when the line is handed over. */
  write(line: string): Promise<void>
  /** The end of what it wrote on standard error. */
  trouble(): string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Closes, signals, kills; resolves when it is gone. Safe to call again. */
  end(): Promise<void>
}

/** What is heard of an agent beside the answers to what it is asked. */
export interface WireEvents {
  /** Called in the order of the lines, and before the answers that come after them. */
  update(params: unknown): void
  /** A line that is no message of the protocol; the first of them only. */
  junk(line: string): void
}

/** Lines without one message after which it is taken for a program that does not speak the protocol. */
const MOST_JUNK = 50
const JUNK_TOLD = 5
const MOST_JUNK_TEXT = 500
/** What is no message, but this long, was one and has been cut. */
const CUT_MESSAGE = 1024 * 1024

/**
 * The stream that the SDK is given. Updates do not go through it: the SDK refuses kinds that it does not know, and hands them on
 * later than an answer that came after them. What is no message, or answers nothing, is told and left out.
 */
export function messageStream(name: string, wire: AgentWire, events: WireEvents): Stream {
  const asked = new Set<unknown>()
  let junk = 0
  let heard = false
  const take = (line: string): AnyMessage | undefined => {
    const message = parse(line)
    if (message === undefined || (!('method' in message) && !asked.delete(message['id']))) {
      if (line.length > CUT_MESSAGE && line.startsWith('{'))
        throw broken(name, 'crashed', 'sent a message that is too long')
      junk++
      if (junk <= JUNK_TOLD) events.junk(line.slice(0, MOST_JUNK_TEXT))
      if (junk > MOST_JUNK && !heard) {
        throw broken(
          name,
          'refused',
          `prints what is no message of the Agent Client Protocol: ${line.slice(0, MOST_JUNK_TEXT)}`,
        )
      }
      return undefined
    }
    heard = true
    if (message['method'] !== methods.client.session.update) return message as AnyMessage
    events.update(message['params'])
    return undefined
  }
  const readable = new ReadableStream<AnyMessage>({
    async start(controller) {
      try {
        for await (const line of wire.lines) {
          const message = line.trim() === '' ? undefined : take(line)
          if (message !== undefined) controller.enqueue(message)
        }
        controller.close()
      } catch (error) {
        controller.error(error)
      }
    },
  })
  const writable = new WritableStream<AnyMessage>({
    async write(message) {
      if ('method' in message && 'id' in message) asked.add(message.id)
      await wire.write(`${JSON.stringify(message)}\n`)
    },
  })
  return { readable, writable }
}

function broken(name: string, kind: 'crashed' | 'refused', what: string): BackendError {
  return new BackendError(`${name} ${what}`, { kind, retryable: kind === 'crashed', certain: true })
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    const isMessage = typeof value === 'object' && value !== null && 'jsonrpc' in value && value.jsonrpc === '2.0'
    return isMessage ? { ...value } : undefined
  } catch {
    return undefined
  }
}
