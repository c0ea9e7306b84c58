import type { Clock, TimerHandle } from '../domain/clock.ts'
import type { JsonObject } from '../domain/json.ts'

/** A pending timer of an actor, as it is journaled. */
export type PendingTimer = readonly [id: string, event: JsonObject, due: number]

/** An actor, as far as timers care. */
export interface TimedActor {
  readonly id: string
}
interface TimedEvent {
  readonly type: string
}

/** What XState's actor system asks of its scheduler. */
export interface SystemScheduler {
  schedule(source: TimedActor, target: TimedActor, event: TimedEvent, delay: number, id?: string): void
  cancel(source: TimedActor, id: string): void
  cancelAll(actor: TimedActor): void
}

/**
 * Replaces XState's scheduler: indexed by actor (its own scans every timer of the system whenever an actor stops), on the
 * host's clock, with due times that can be journaled and re-armed. Indexed by the actor itself: an invoked child may bear the id of a task.
 */
export class TimerScheduler implements SystemScheduler {
  readonly #clock: Clock
  readonly #relay: (source: TimedActor, target: TimedActor, event: TimedEvent) => void
  readonly #timers = new Map<TimedActor, Map<string, { event: TimedEvent; due: number; handle: TimerHandle }>>()
  #anonymous = 0

  constructor(clock: Clock, relay: (source: TimedActor, target: TimedActor, event: TimedEvent) => void) {
    this.#clock = clock
    this.#relay = relay
  }

  schedule(source: TimedActor, target: TimedActor, event: TimedEvent, delay: number, id?: string): void {
    const key = id ?? `anonymous.${this.#anonymous++}`
    this.#arm(source, target, event, this.#clock.now() + delay, key)
  }

  /** Arms a journaled timer again for the time that remains; an overdue one fires at once. */
  restore(actor: TimedActor, [id, event, due]: PendingTimer): void {
    this.#arm(actor, actor, event as unknown as TimedEvent, due, id)
  }

  cancel(source: TimedActor, id: string): void {
    const timers = this.#timers.get(source)
    const timer = timers?.get(id)
    if (timers === undefined || timer === undefined) return
    this.#clock.clearTimeout(timer.handle)
    timers.delete(id)
    if (timers.size === 0) this.#timers.delete(source)
  }

  cancelAll(actor: TimedActor): void {
    const timers = this.#timers.get(actor)
    if (timers === undefined) return
    for (const timer of timers.values()) this.#clock.clearTimeout(timer.handle)
    this.#timers.delete(actor)
  }

  /** Every timer of every actor. */
  clear(): void {
    for (const actor of [...this.#timers.keys()]) this.cancelAll(actor)
  }

  pending(actor: TimedActor): readonly PendingTimer[] | undefined {
    const timers = this.#timers.get(actor)
    if (timers === undefined) return undefined
    return [...timers].map(([id, { event, due }]) => [id, { ...event }, due])
  }

  #arm(source: TimedActor, target: TimedActor, event: TimedEvent, due: number, id: string): void {
    this.cancel(source, id)
    let timers = this.#timers.get(source)
    if (timers === undefined) {
      timers = new Map()
      this.#timers.set(source, timers)
    }
    const handle = this.#clock.setTimeout(
      () => {
        const mine = this.#timers.get(source)
        mine?.delete(id)
        if (mine?.size === 0) this.#timers.delete(source)
        this.#relay(source, target, event)
      },
      Math.max(0, due - this.#clock.now()),
    )
    timers.set(id, { event, due, handle })
  }
}
