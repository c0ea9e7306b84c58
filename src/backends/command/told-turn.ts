import type { EndFailure } from '../../domain/backend.ts'
import type { Usage } from '../../domain/budget.ts'
import { answerEnd } from './bounds.ts'
import type { TurnFact, UsageFact } from './turn-fact.ts'

/** What a turn's output has told so far. */
export class ToldTurn {
  /** Null as long as no end was told of. */
  end: string | null = null
  failure: EndFailure | null = null
  /** Everything that it used since its session began, where it counts so. */
  sessionTotal: Usage | undefined
  #text = ''
  #usage: Usage | undefined

  get text(): string {
    return this.#text
  }

  /** What this turn used, where it says so itself. */
  get usage(): Usage | undefined {
    return this.#usage
  }

  add(fact: TurnFact): void {
    switch (fact.kind) {
      case 'text':
        this.#text = answerEnd(fact.replaces ? fact.text : this.#text + fact.text)
        return
      case 'usage':
        this.#use(fact)
        return
      case 'failure':
        // The first says why, later ones what came of it.
        this.failure ??= fact.failure
        return
      case 'goes-on':
        this.end = null
        return
      case 'end':
        this.end = fact.reason
    }
  }

  #use({ of, tokens, cost }: UsageFact): void {
    const said = { ...(tokens === undefined ? {} : { tokens }), ...(cost === undefined ? {} : { cost }) }
    if (of === 'session') this.sessionTotal = { ...this.sessionTotal, ...said }
    else if (of === 'turn') this.#usage = { ...this.#usage, ...said }
    else this.#usage = sum(this.#usage, said)
  }
}

function sum(a: Usage = {}, b: Usage): Usage {
  const tokens = added(a.tokens, b.tokens)
  const cost = added(a.cost, b.cost)
  return { ...(tokens === undefined ? {} : { tokens }), ...(cost === undefined ? {} : { cost }) }
}

function added(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0)
}
