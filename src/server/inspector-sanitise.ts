import type { InspectedSnapshot } from '../domain/inspection.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { ActorKind } from '../domain/record.ts'

/** Which keys may be shown: `true` for a plain value, a table for an object's own keys. */
interface Allowed {
  readonly [key: string]: true | Allowed
}

const FAILURE = { kind: true, retryable: true, certain: true, notBefore: true, httpStatus: true } as const
const REF = { backend: true, id: true } as const
const BACKOFF = { attempts: true, delayMs: true, factor: true, maxDelayMs: true, timeoutMs: true, seed: true } as const
const ATTEMPT = {
  run: true,
  attempt: true,
  tries: true,
  setbacks: true,
  putBack: true,
  turn: true,
  ref: REF,
  intentAt: true,
  notBefore: true,
  failure: FAILURE,
  doubt: true,
} as const

/** What of each machine's context leaves: counters, times, ids and words of ours. What people or agents wrote does not. */
const CONTEXT: Readonly<Record<ActorKind, Allowed>> = {
  agent: {
    ...ATTEMPT,
    task: true,
    admit: true,
    deadlineMs: true,
    policy: { ...BACKOFF, onTimeout: true, onFailure: true, canCancel: true },
  },
  manager: {
    ...ATTEMPT,
    toldUpTo: true,
    upTo: true,
    final: true,
    finishing: true,
    rounds: true,
    repairs: true,
    message: { kind: true },
    policy: { ...BACKOFF, rounds: true, yes: true },
  },
  supervisor: { run: true, outcome: true, reason: { kind: true } },
}

const EVENT: Allowed = {
  type: true,
  actorId: true,
  ms: true,
  outcome: true,
  reason: { kind: true },
  error: FAILURE,
  output: {
    ...REF,
    ...FAILURE,
    at: true,
    rawStatus: true,
    stillRunning: true,
    upTo: true,
    changed: true,
    final: true,
    ref: REF,
  },
}

const MOST_CHARACTERS = 200
/** More keys than any machine has: nothing that is made of keys gets through. */
const MOST_KEYS = 60

/** A snapshot without anything that people, agents or backends wrote. */
export function sanitiseSnapshot(kind: ActorKind, snapshot: InspectedSnapshot): JsonObject {
  return {
    status: cut(snapshot.status),
    value: stateValue(snapshot.value),
    context: pick(snapshot.context, CONTEXT[kind]),
    tags: (snapshot.tags ?? []).slice(0, MOST_KEYS).map(cut),
    children: {},
  }
}

/** An event without anything that people, agents or backends wrote. */
export function sanitiseEvent(event: { readonly type: string } & JsonObject): JsonObject {
  return pick(event, EVENT)
}

/** Stands for a value that is not shown. */
export function hidden(value: unknown): string {
  try {
    return `[${Buffer.byteLength(JSON.stringify(value) ?? '')} bytes]`
  } catch {
    // It is no JSON, so nobody knows its size; whoever looks on must not stop a run.
    return '[hidden]'
  }
}

function pick(object: JsonObject, allowed: Allowed): JsonObject {
  const shown: Record<string, Json> = {}
  for (const [key, value] of Object.entries(object).slice(0, MOST_KEYS)) {
    if (value === undefined) continue
    const rule = Object.hasOwn(allowed, key) ? allowed[key] : undefined
    if (rule === true) shown[cut(key)] = plain(value)
    else shown[cut(key)] = rule !== undefined && isObject(value) ? pick(value, rule) : hidden(value)
  }
  return shown
}

function plain(value: Json): Json {
  if (typeof value === 'string') return cut(value)
  return typeof value === 'object' && value !== null ? hidden(value) : value
}

/** A state's value holds names of states only. */
function stateValue(value: unknown): Json {
  if (typeof value === 'string') return cut(value)
  if (!isObject(value)) return null
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cut(key), stateValue(inner)]))
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What stands before the @ of an address is a password. */
function cut(text: string): string {
  const bare = text.includes('@') ? text.replace(/\/\/[^/\s]*@/g, '//') : text
  return bare.length > MOST_CHARACTERS ? `${bare.slice(0, MOST_CHARACTERS)}…` : bare
}
