import { type AgentKind, type Conversation, formatMarkOf, turnOf } from './conversation.ts'

/** A request as a test may look at it. */
export interface ModelRequest {
  /** From 1. */
  readonly number: number
  readonly agent: AgentKind
  /** A title, a summary or the like, that no script knows of. */
  readonly side: boolean
  /** RUN/TASK/ATTEMPT/TURN. */
  readonly mark: string
  readonly model: string
  readonly tools: readonly string[]
  /** What it was told before: instructions that lie in the agent's folder, earlier turns. */
  readonly before: readonly string[]
  /** What was said to the model in this turn, its first prompt first: prompts, continuations, steers. */
  readonly told: readonly string[]
  /** How many images it was shown. */
  readonly images: number
  /** What came of the tool calls of this turn, in order. */
  readonly results: readonly { readonly text: string; readonly failed: boolean }[]
  /** What became of it; `waiting`: it has no answer yet; `left`: whoever asked went away. */
  readonly outcome: 'waiting' | 'answered' | 'ended' | 'left' | 'cut' | number
}

/** Tells what became of a request; the first word counts. */
export type Settle = (outcome: ModelRequest['outcome']) => void

/** Bounded: a test of thousands of turns remembers the last. */
const MOST = 2_000
const LONGEST = 20_000

/** The requests of agents, and what waits for one. */
export class Requests {
  readonly all: ModelRequest[] = []
  #number = 0
  #waiters: (() => boolean)[] = []

  /** Adds a request that has no answer yet. */
  add(asked: Conversation): Settle {
    const { mark, said } = turnOf(asked)
    const cut = (text: string) => text.slice(0, LONGEST)
    const request = {
      number: ++this.#number,
      agent: asked.agent,
      side: asked.side,
      mark: formatMarkOf(mark),
      model: asked.model,
      tools: [...asked.tools],
      before: asked.said
        .slice(0, asked.said.length - said.length)
        .flatMap((part) => (part.kind === 'user' ? [cut(part.text)] : [])),
      told: said.flatMap((part) => (part.kind === 'user' ? [cut(part.text)] : [])),
      images: asked.images,
      results: said.flatMap((part) => (part.kind === 'result' ? [{ text: cut(part.text), failed: part.failed }] : [])),
      outcome: 'waiting' as ModelRequest['outcome'],
    }
    this.all.push(request)
    if (this.all.length > MOST) this.all.shift()
    this.#wake()
    return (outcome) => {
      if (request.outcome !== 'waiting') return
      request.outcome = outcome
      this.#wake()
    }
  }

  /** The first request, made or to be made, of which this is true. */
  until(condition: (request: ModelRequest) => boolean): Promise<ModelRequest> {
    return new Promise((resolve) => {
      const check = () => {
        const found = this.all.find(condition)
        if (found) resolve(found)
        return found !== undefined
      }
      if (!check()) this.#waiters.push(check)
    })
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter((check) => !check())
  }
}
