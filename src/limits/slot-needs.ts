import type { SlotRequest } from '../domain/limiter.ts'
import type { AccountDoor } from './account-door.ts'
import type { Bucket } from './bucket.ts'
import type { Cap } from './cap.ts'
import type { Door } from './door.ts'
import type { GateRegister } from './gate-register.ts'
import type { Holdings } from './holdings.ts'
import type { Gate } from './waiting-queue.ts'

/** All that a request needs and its holder does not have yet. */
export interface SlotNeeds {
  readonly account: AccountDoor
  readonly run: Door
  /** In the order in which they are looked at. */
  readonly gates: readonly Gate[]
  readonly caps: readonly Cap[]
  readonly buckets: readonly Bucket[]
}

/** What a request still needs, each thing once. */
export function slotNeeds(request: SlotRequest, register: GateRegister, holdings: Holdings): SlotNeeds {
  const { holder } = request
  const held = holdings.has(holder)
  const account = register.account(request.account)
  const run = register.run(request.run)
  const gates: Gate[] = [account, run]
  const caps: Cap[] = []
  const buckets: Bucket[] = []
  for (const name of request.caps) {
    const cap = register.cap(name)
    if (caps.includes(cap) || (held && holdings.holds(holder, cap))) continue
    caps.push(cap)
    gates.push(cap)
  }
  for (const name of request.buckets) {
    const bucket = register.bucket(name)
    if (buckets.includes(bucket) || (held && holdings.holds(holder, bucket))) continue
    buckets.push(bucket)
    gates.push(bucket)
  }
  return { account, run, gates, caps, buckets }
}
