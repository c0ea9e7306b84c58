import type { TroupeError } from '../domain/errors.ts'

/** One request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With its query; begins with a slash. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

/** Why a request or a connection came to nothing. */
export interface TransportFailure {
  /** It may have reached the server. */
  readonly sent: boolean
  /** The end of a sentence, without a full stop. */
  readonly why: string
  readonly cause?: unknown
}

/** How a WebSocket ended, or why there never was one. */
export interface SocketEnd {
  readonly code: number
  readonly reason: string
  /** What the server answered instead of a WebSocket, where that can be known. */
  readonly refusal?: HttpAnswer
  readonly cause?: unknown
}

/** What a socket tells; nothing any more after `onClose`, which comes once. */
export interface SocketEvents {
  readonly onText: (text: string) => void
  /** A sign of life that is no message. */
  readonly onSign: () => void
  readonly onClose: (end: SocketEnd) => void
}

/** A WebSocket that is opening or open. */
export interface StreamSocket {
  send(text: string): void
  /** Says goodbye; `onClose` does not come for it. */
  close(): void
  /** Ends it without waiting for anybody; `onClose` does not come for it. */
  destroy(): void
  /** Absent where a socket cannot be kept from bringing more. */
  readonly flow?: { pause(): void; resume(): void }
}

/** How a server is reached. Knows nothing of what is said. */
export interface Transport {
  /** Throws what the network threw, or the signal's reason. */
  exchange(request: HttpRequest): Promise<HttpAnswer>
  /** What is sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether a failed exchange may have reached the server. */
  mayHaveArrived(cause: unknown): boolean
  failure(failure: TransportFailure): TroupeError
  openSocket(path: string, protocols: readonly string[], events: SocketEvents): StreamSocket
  /** The socket cannot carry {@link headers}: a ticket is needed, and a refusal cannot be read. */
  readonly bareSockets: boolean
}
