import { z } from 'zod'
import type { FolderHealth } from '../domain/measure.ts'
import type { Operation } from './operation.ts'
import { component } from './schemas/component.ts'
import { backendHealth } from './schemas/folder.ts'
import { instant } from './schemas/values.ts'

const health = component<{ readonly status: string; readonly pid?: number; readonly version?: string }>('Health')(
  z.object({ status: z.string(), pid: z.int().exactOptional(), version: z.string().exactOptional() }),
)

interface Readiness {
  readonly status: 'ready' | 'not-ready'
  readonly restored?: boolean
  readonly draining?: boolean
  readonly writable?: boolean
  readonly problem?: string
  readonly backends?: FolderHealth['backends']
}

const readiness = component<Readiness>('Readiness')(
  z.object({
    status: z.enum(['ready', 'not-ready']),
    restored: z.boolean().describe('Unfinished runs were taken up again.').exactOptional(),
    draining: z.boolean().describe('The server is about to end.').exactOptional(),
    writable: z.boolean().describe('The data folder can be written.').exactOptional(),
    problem: z.string().describe('Why it cannot.').exactOptional(),
    backends: z
      .record(z.string(), backendHealth)
      .describe('By account. One that cannot be reached makes nothing unready: its work waits.')
      .exactOptional(),
  }),
)

const ticket = component<{ readonly ticket: string; readonly expiresAt: string }>('Ticket')(
  z.object({ ticket: z.string(), expiresAt: instant }),
)

const nothing = component<Readonly<Record<string, never>>>('Nothing')(z.strictObject({}))

const TERSE = 'Without a token, where one is needed elsewhere, only `status` is told.'

/** What a server answers beside its routes. It is documented with them, and they are made by the server. */
export const OUTSIDE_OPERATIONS: Readonly<Record<string, Operation>> = {
  issueTicket: {
    method: 'post',
    path: '/v1/tickets',
    tag: 'Stream',
    summary: 'Get a ticket for a browser',
    description:
      'A browser cannot send a token with a WebSocket or with server-sent events; the ticket stands for it, once.',
    may: 'watch',
    answers: { 201: { description: 'Good once, for 30 s.', schema: ticket } },
  },
  receiveCodegenWebhook: {
    method: 'post',
    path: '/v1/webhooks/codegen',
    tag: 'Server',
    summary: 'Take a webhook of Codegen',
    description:
      'For Codegen alone, and only where a secret is configured. No token: the body, of any form and at most 256 KiB, is signed ' +
      'with the secret (HMAC-SHA256 of its bytes). It is a hint: the agent runs that it names are read soon, and nothing else that ' +
      'it says is believed. The same body within 5 minutes is not looked at again.',
    may: 'anyone',
    headers: {
      'X-Codegen-Signature': {
        description: 'The signature in hex, with or without `sha256=`. Name and encoding can be configured.',
      },
    },
    answers: {
      200: { description: 'It came before.', schema: nothing },
      202: { description: 'It was taken, whatever it says.', schema: nothing },
    },
    errors: ['unauthorized', 'not-found', 'too-large', 'busy'],
  },
  readHealth: {
    method: 'get',
    path: '/healthz',
    tag: 'Server',
    summary: 'Ask whether the process answers',
    description: TERSE,
    may: 'anyone',
    answers: { 200: { description: 'It does.', schema: health } },
  },
  readReadiness: {
    method: 'get',
    path: '/readyz',
    tag: 'Server',
    summary: 'Ask whether work may be given to it',
    description: TERSE,
    may: 'anyone',
    answers: {
      200: { description: 'It may.', schema: readiness },
      503: { description: 'It may not: it begins, it ends, or it cannot write.', schema: readiness },
    },
  },
  readMetrics: {
    method: 'get',
    path: '/metrics',
    tag: 'Server',
    summary: 'Read metrics for Prometheus',
    may: 'watch',
    answers: {
      200: { description: 'Metrics in the text format.', mediaType: 'text/plain; version=0.0.4; charset=utf-8' },
    },
  },
}
