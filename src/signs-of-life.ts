/** When the agents of a run were last seen to get on. Known to the process that watches them, and in no record. */
export class SignsOfLife {
  readonly #last = new Map<string, { readonly attempt: number; readonly at: number }>()
  #seen = 0

  /** How many were seen: as long as it does not change, nothing of this does. */
  get seen(): number {
    return this.#seen
  }

  saw(task: string, attempt: number, at: number): void {
    this.#seen++
    this.#last.set(task, { attempt, at })
  }

  /** Of an attempt that is not watched any more nothing is known. */
  forget(task: string, attempt: number): void {
    if (this.#last.get(task)?.attempt === attempt) this.#last.delete(task)
  }

  /** When the attempt's agent was last seen to get on, ms; undefined when it never was. */
  last(task: string, attempt: number): number | undefined {
    const last = this.#last.get(task)
    return last?.attempt === attempt ? last.at : undefined
  }
}
