import { AccountDoor } from './account-door.ts'
import { Bucket } from './bucket.ts'
import { Cap } from './cap.ts'
import type { Circuits } from './circuits.ts'
import { Door } from './door.ts'

/** All gates of a limiter by name; made when first named, forgotten when nobody declares, uses or wants them. */
export class GateRegister {
  readonly caps = new Map<string, Cap>()
  readonly buckets = new Map<string, Bucket>()
  readonly runs = new Map<string, Door>()
  readonly accounts = new Map<string, AccountDoor>()
  readonly circuits: Circuits | undefined
  #ids = 0

  constructor(circuits?: Circuits) {
    this.circuits = circuits
  }

  cap(name: string): Cap {
    let cap = this.caps.get(name)
    if (cap === undefined) {
      cap = new Cap(++this.#ids, name)
      this.caps.set(name, cap)
    }
    return cap
  }

  bucket(name: string): Bucket {
    let bucket = this.buckets.get(name)
    if (bucket === undefined) {
      bucket = new Bucket(++this.#ids, name)
      this.buckets.set(name, bucket)
    }
    return bucket
  }

  run(name: string): Door {
    let run = this.runs.get(name)
    if (run === undefined) {
      run = new Door(++this.#ids, name)
      this.runs.set(name, run)
    }
    return run
  }

  account(name: string): AccountDoor {
    let account = this.accounts.get(name)
    if (account === undefined) {
      account = new AccountDoor(++this.#ids, name, this.circuits?.of(name))
      this.accounts.set(name, account)
    }
    return account
  }

  /** The gates that get room by the passing of time. */
  *timed(): Generator<Bucket | AccountDoor> {
    yield* this.buckets.values()
    yield* this.accounts.values()
  }

  /** If the holder was let through as a probe, it is none any more. There are as many accounts as backends. */
  releaseProbe(holder: string, now: number): void {
    for (const { circuit } of this.accounts.values()) circuit?.released(holder, now)
  }

  /** A run that waits for nothing loses its turn in the round, which is then the first again. */
  forgetRun(name: string): void {
    const door = this.runs.get(name)
    if (door !== undefined && door.interested === 0 && door.shut === undefined) this.runs.delete(name)
  }

  forgetCap(cap: Cap): void {
    if (cap.forgettable) this.caps.delete(cap.name)
  }
}
