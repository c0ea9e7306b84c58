import type { World } from './world.ts'

/** Values of one kind, each kept once. */
class Kept<T extends object> {
  readonly #values: T[] = []
  readonly #byName = new Map<string, number>()
  /** Worlds share most of their parts: a part that was seen is not named again. */
  readonly #known = new WeakMap<T, number>()

  numberOf(value: T): number {
    const known = this.#known.get(value)
    if (known !== undefined) return known
    const name = JSON.stringify(value)
    let number = this.#byName.get(name)
    if (number === undefined) {
      number = this.#values.length
      this.#values.push(value)
      this.#byName.set(name, number)
    }
    this.#known.set(value, number)
    return number
  }

  value(number: number): T {
    const value = this.#values[number]
    if (value === undefined) throw new Error(`Nothing is kept under ${number}`)
    return value
  }
}

/** How many characters a part's number takes in a world's name. */
const BASE = 0x8000

/** Worlds by number, each kept as a few characters: millions fit into memory. */
export class WorldStore {
  readonly #parts = {
    actors: new Kept<World['actors']>(),
    durable: new Kept<World['durable']>(),
    queue: new Kept<World['queue']>(),
    phases: new Kept<World['phases']>(),
    messages: new Kept<World['messages']>(),
    runs: new Kept<World['runs']>(),
    holders: new Kept<World['holders']>(),
    facts: new Kept<World['facts']>(),
    durableFacts: new Kept<World['durableFacts']>(),
    left: new Kept<World['left']>(),
  }
  readonly #names: string[] = []
  readonly #numbers = new Map<string, number>()

  get size(): number {
    return this.#names.length
  }

  /** The world's number, and whether it was not known before. */
  keep(world: World): { readonly number: number; readonly isNew: boolean } {
    const name = this.#nameOf(world)
    const known = this.#numbers.get(name)
    if (known !== undefined) return { number: known, isNew: false }
    const number = this.#names.length
    this.#names.push(name)
    this.#numbers.set(name, number)
    return { number, isNew: true }
  }

  world(number: number): World {
    const name = this.#names[number] ?? ''
    let at = 0
    const next = () => name.charCodeAt(at++) * BASE + name.charCodeAt(at++)
    const { actors, durable, queue, phases, messages, runs, holders, facts, durableFacts, left } = this.#parts
    return {
      actors: actors.value(next()),
      durable: durable.value(next()),
      queue: queue.value(next()),
      phases: phases.value(next()),
      messages: messages.value(next()),
      runs: runs.value(next()),
      holders: holders.value(next()),
      facts: facts.value(next()),
      durableFacts: durableFacts.value(next()),
      left: left.value(next()),
    }
  }

  #nameOf(world: World): string {
    const { actors, durable, queue, phases, messages, runs, holders, facts, durableFacts, left } = this.#parts
    return (
      two(actors.numberOf(world.actors)) +
      two(durable.numberOf(world.durable)) +
      two(queue.numberOf(world.queue)) +
      two(phases.numberOf(world.phases)) +
      two(messages.numberOf(world.messages)) +
      two(runs.numberOf(world.runs)) +
      two(holders.numberOf(world.holders)) +
      two(facts.numberOf(world.facts)) +
      two(durableFacts.numberOf(world.durableFacts)) +
      two(left.numberOf(world.left))
    )
  }
}

function two(number: number): string {
  return String.fromCharCode(Math.floor(number / BASE), number % BASE)
}
