import { type Gate, type RunTurn, type WaitingGroup, WaitingLine, type WaitReason } from './waiting-queue.ts'

/** A run, or an account: open until somebody shuts it. */
export class Door implements Gate, RunTurn {
  readonly id: number
  readonly name: string
  readonly line = new WaitingLine()
  dirty = false
  interested = 0
  turn = 0
  /** All groups that have to pass here, wherever they wait. */
  readonly groups = new Set<WaitingGroup>()
  /** Why it is shut. */
  shut: WaitReason | undefined

  constructor(id: number, name: string) {
    this.id = id
    this.name = name
  }

  get idle(): boolean {
    return this.line.empty
  }

  passes(_now: number): boolean {
    return this.shut === undefined
  }

  reason(_now: number): WaitReason {
    return this.shut ?? { kind: 'paused', name: this.name }
  }
}
