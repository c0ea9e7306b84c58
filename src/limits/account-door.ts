import type { AccountCircuit } from './account-circuit.ts'
import { Door } from './door.ts'
import type { WaitReason } from './waiting-queue.ts'

/** An account: shut when it refused for good, and held by its circuits while it is in trouble. */
export class AccountDoor extends Door {
  readonly circuit: AccountCircuit | undefined

  constructor(id: number, name: string, circuit: AccountCircuit | undefined) {
    super(id, name)
    this.circuit = circuit
  }

  override passes(now: number): boolean {
    return super.passes(now) && (this.circuit?.passes(now) ?? true)
  }

  override reason(now: number): WaitReason {
    return (this.shut === undefined ? this.circuit?.reason(now) : undefined) ?? super.reason(now)
  }

  /** Whether somebody who waits here could go on. */
  isDue(now: number): boolean {
    return !this.line.empty && this.passes(now)
  }

  /** When somebody who waits here may go on by the passing of time alone. */
  wakeAt(now: number): number | null {
    return this.line.empty || this.shut !== undefined ? null : (this.circuit?.heldUntil(now) ?? null)
  }
}
