import type { RunAdmission } from '../api/run-admission.ts'
import type { RunViews } from '../api/run-views.ts'
import type { Clock } from '../domain/clock.ts'
import type { ServerToken } from './access-tokens.ts'
import type { HttpBounds } from './http-server.ts'
import type { Log } from './log.ts'

/** How an orchestrator is served. */
export interface ServeOptions {
  /** A name or address of this machine. Beyond loopback tokens are needed. @default '127.0.0.1' */
  readonly host?: string
  /** 0 takes a free one. @default 4600 */
  readonly port?: number
  /** Who may come in. @default none: nobody needs a token */
  readonly tokens?: readonly ServerToken[]
  /** Further names of this server in a Host header: `name` (any port) or `name:port`. */
  readonly allowedHosts?: readonly string[]
  /** Origins of other sites whose pages may ask, such as `https://board.example.com`. */
  readonly allowedOrigins?: readonly string[]
  /** Folder of the workflow files that may be started by name. @default none may */
  readonly workflows?: string
  /**
   * Workflows that are sent may use the agents of this machine, with the rights of this process, and have commands run here. Files of
   * `workflows` always may. @default false
   */
  readonly local?: boolean
  /** Serves the Stately Inspector at `/inspect`; while somebody looks, transitions cost much more. @default false */
  readonly inspect?: boolean
  /** Takes signed webhooks of Codegen at `/v1/webhooks/codegen`, as hints. @default none are taken */
  readonly webhook?: WebhookOptions
  /** Where requests, audit and what goes wrong are told. @default warnings and errors, to standard error */
  readonly log?: Log
  /** More are not taken. @default 12000 */
  readonly maxConnections?: number
  /** How long what is under way may take when the server is closed, ms. @default 3000 */
  readonly drainMs?: number
  /** Tells the time of tickets and of wrong tokens. @default the machine's */
  readonly clock?: Clock
}

/** How webhooks of Codegen are recognised. */
export interface WebhookOptions {
  /** Shared with Codegen, which signs with it. */
  readonly secret: string
  /** Header of the signature: HMAC-SHA256 of the body's bytes. @default 'x-codegen-signature' */
  readonly header?: string
  /** @default 'hex' */
  readonly encoding?: 'hex' | 'base64'
}

/** What only troupe's own command line, and its tests, give. */
export interface ServeParts {
  readonly admission?: RunAdmission
  readonly views?: RunViews
  /** Requests other than for health wait for it. */
  readonly ready?: Promise<void>
  readonly bounds?: Partial<HttpBounds>
}

/** An orchestrator that is served. */
export interface TroupeServer {
  /** Such as `http://127.0.0.1:4600`. */
  readonly url: string
  readonly port: number
  /** Begins no run any more and takes leave of streams and of whoever waits; whatever else is asked is still answered. */
  drain(): void
  /** Drains, answers what is under way and ends. The orchestrator goes on. */
  close(): Promise<void>
}
