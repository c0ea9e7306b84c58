/** How worlds lead to each other. */
export class Ways {
  readonly #parents = new Numbers()
  readonly #depths = new Numbers()
  readonly #labels = new Numbers()
  readonly #words: string[] = []
  readonly #wordNumbers = new Map<string, number>()
  readonly #from = new Numbers()
  readonly #to = new Numbers()
  /** The longest of the shortest ways from the beginning. */
  depth = 0

  /** How many steps there are. */
  get steps(): number {
    return this.#from.length
  }

  /** A new world, first reached from `parent`. */
  open(parent: number, label: string): void {
    let word = this.#wordNumbers.get(label)
    if (word === undefined) {
      word = this.#words.length
      this.#words.push(label)
      this.#wordNumbers.set(label, word)
    }
    const depth = parent < 0 ? 0 : this.#depths.at(parent) + 1
    this.depth = Math.max(this.depth, depth)
    this.#parents.push(parent)
    this.#depths.push(depth)
    this.#labels.push(word)
  }

  note(from: number, to: number): void {
    this.#from.push(from)
    this.#to.push(to)
  }

  /** What happened on the shortest way to a world. */
  traceOf(world: number): string[] {
    const trace: string[] = []
    for (let at = world; at > 0; at = this.#parents.at(at)) trace.push(this.#words[this.#labels.at(at)] ?? '')
    return trace.reverse()
  }

  /** The first world from which none of `ends` can be reached. */
  firstWithout(ends: readonly number[]): number | undefined {
    const count = this.#parents.length
    // The steps by where they lead to: those to `world` lie from starts[world] to starts[world + 1].
    const starts = new Int32Array(count + 2)
    for (let step = 0; step < this.steps; step++) {
      const place = this.#to.at(step) + 2
      starts[place] = (starts[place] ?? 0) + 1
    }
    for (let world = 2; world < starts.length; world++) starts[world] = (starts[world] ?? 0) + (starts[world - 1] ?? 0)
    const befores = new Int32Array(this.steps)
    for (let step = 0; step < this.steps; step++) {
      const place = starts[this.#to.at(step) + 1] ?? 0
      befores[place] = this.#from.at(step)
      starts[this.#to.at(step) + 1] = place + 1
    }
    const reaches = new Uint8Array(count)
    const open = [...ends]
    for (const end of ends) reaches[end] = 1
    for (let world = open.pop(); world !== undefined; world = open.pop()) {
      for (let place = starts[world] ?? 0; place < (starts[world + 1] ?? 0); place++) {
        const before = befores[place] ?? 0
        if (reaches[before] === 1) continue
        reaches[before] = 1
        open.push(before)
      }
    }
    const stuck = reaches.indexOf(0)
    return stuck < 0 ? undefined : stuck
  }
}

/** A growing list of whole numbers. */
class Numbers {
  #values = new Int32Array(1024)
  length = 0

  push(value: number): void {
    if (this.length === this.#values.length) {
      const longer = new Int32Array(2 * this.length)
      longer.set(this.#values)
      this.#values = longer
    }
    this.#values[this.length++] = value
  }

  at(index: number): number {
    return this.#values[index] ?? 0
  }
}
