import { Bucket } from './bucket.ts'
import { Cap } from './cap.ts'
import { Door } from './door.ts'

/** All gates of a limiter by name; made when first named, forgotten when nobody declares, uses or wants them. */
export class GateRegister {
  readonly caps = new Map<string, Cap>()
  readonly buckets = new Map<string, Bucket>()
  readonly runs = new Map<string, Door>()
  readonly accounts = new Map<string, Door>()
  #ids = 0

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
    return this.#door(this.runs, name)
  }

  account(name: string): Door {
    return this.#door(this.accounts, name)
  }

  /** A run that waits for nothing loses its turn in the round, which is then the first again. */
  forgetRun(name: string): void {
    const door = this.runs.get(name)
    if (door !== undefined && door.interested === 0 && door.shut === undefined) this.runs.delete(name)
  }

  forgetCap(cap: Cap): void {
    if (cap.forgettable) this.caps.delete(cap.name)
  }

  #door(doors: Map<string, Door>, name: string): Door {
    let door = doors.get(name)
    if (door === undefined) {
      door = new Door(++this.#ids, name)
      doors.set(name, door)
    }
    return door
  }
}
