import { type Gate, WaitingLine, type WaitReason } from './waiting-queue.ts'

/** How many may hold something at once: agents of a run, of a backend, users of a resource. */
export class Cap implements Gate {
  readonly id: number
  readonly name: string
  readonly line = new WaitingLine()
  dirty = false
  capacity = Number.POSITIVE_INFINITY
  used = 0
  interested = 0

  constructor(id: number, name: string) {
    this.id = id
    this.name = name
  }

  /** Nobody has declared, uses or wants it. */
  get forgettable(): boolean {
    return this.used === 0 && this.interested === 0 && this.capacity === Number.POSITIVE_INFINITY
  }

  get idle(): boolean {
    return this.line.empty
  }

  passes(): boolean {
    return this.used < this.capacity
  }

  reason(): WaitReason {
    const name = this.name.slice(this.name.indexOf(':') + 1)
    const use = `${this.used} of ${this.capacity}`
    if (this.name.startsWith('resource:')) {
      return { kind: 'resource', name: name.slice(name.indexOf('/') + 1), detail: `${use} in use` }
    }
    return { kind: 'concurrency', name, detail: `${use} agents at work` }
  }
}
