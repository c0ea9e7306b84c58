import type { JsonObject } from '../domain/json.ts'
import type { Bucket } from './bucket.ts'
import type { Cap } from './cap.ts'
import type { Door } from './door.ts'
import type { GateRegister } from './gate-register.ts'

/** What is used, what waits and until when, of every limit (times in ms, null for none). */
export function viewLimits(register: GateRegister, now: number): JsonObject {
  return {
    buckets: viewEach(register.buckets, (bucket) => viewBucket(bucket, now)),
    caps: viewEach(register.caps, viewCap),
    runs: viewEach(onlyShut(register.runs, now), (door) => viewDoor(door, now)),
    accounts: viewEach(onlyShut(register.accounts, now), (door) => viewDoor(door, now)),
    circuits: register.circuits?.view(now) ?? {},
  }
}

function viewBucket(bucket: Bucket, now: number): JsonObject {
  const free = bucket.isOpen(now) ? bucket.windows.room(now) : 0
  return {
    limits: bucket.windows.limits,
    used: bucket.windows.used(now),
    reserved: bucket.windows.reserved,
    inFlight: bucket.windows.inFlight,
    nextAt: free === Number.POSITIVE_INFINITY ? null : bucket.placesAt(free + 1, now),
    closedUntil: bucket.isOpen(now) ? null : bucket.closedUntil,
    waiting: bucket.line.waiting + bucket.calls.size + bucket.owed.size,
  }
}

function viewCap(cap: Cap): JsonObject {
  const capacity = cap.capacity === Number.POSITIVE_INFINITY ? null : cap.capacity
  return { capacity, used: cap.used, waiting: cap.line.waiting }
}

function viewDoor(door: Door, now: number): JsonObject {
  const { kind, name, until, detail } = door.reason(now)
  return {
    kind,
    name,
    ...(until === undefined ? {} : { until }),
    ...(detail === undefined ? {} : { detail }),
    waiting: door.line.waiting,
  }
}

function onlyShut(doors: ReadonlyMap<string, Door>, now: number): Map<string, Door> {
  return new Map([...doors].filter(([, door]) => !door.passes(now)))
}

function viewEach<T>(all: ReadonlyMap<string, T>, view: (one: T) => JsonObject): JsonObject {
  return Object.fromEntries([...all].map(([name, one]) => [name, view(one)]))
}
