import { createCodegenBackend } from '../../src/backends/codegen/codegen-backend.ts'
import { createStandIn } from '../../src/backends/codegen/stand-in/stand-in.ts'
import { createSimulatedBackend } from '../../src/backends/simulated/simulated-backend.ts'
import type { AgentOrder, AgentRunRef, Backend } from '../../src/domain/backend.ts'
import { formatMark } from '../../src/domain/ids.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { createPassThroughLimiter } from '../support/pass-through-limiter.ts'
import { type Act, type Given, never, type Stage } from './stage.ts'

/** How long an agent works at a turn, and how long one that is in the middle of it still does. */
const TURN_MS = 60_000
const STEP_MS = 5_000
/** What a run uses in all, however many turns it has. */
export const TOKENS = 240

/** Agents that are played by the backend itself. */
export function openSimulatedStage(): Stage {
  const clock = createVirtualClock()
  return new RemoteStage(clock, () => createSimulatedBackend({ clock, seed: 7 }))
}

/** The Codegen backend at its stand-in, without a socket. */
export function openCodegenStage(): Stage {
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock, limits: { create: 'none', standard: 'none' } })
  const open = () =>
    createCodegenBackend({
      baseUrl: 'https://codegen.test',
      token: 'token',
      fetch: standIn.fetch,
      clock,
      limiter: createPassThroughLimiter(),
      standIn: true,
    })
  return new RemoteStage(clock, open, () => standIn.close())
}

/** Agents that work elsewhere, in a time that passes while somebody waits. */
class RemoteStage implements Stage {
  readonly local = undefined
  readonly #clock: VirtualClock
  readonly #open: () => Backend
  readonly #close: () => Promise<void>
  #backend: Backend

  constructor(clock: VirtualClock, open: () => Backend, close = async () => {}) {
    this.#clock = clock
    this.#open = open
    this.#close = close
    this.#backend = open()
  }

  get backend(): Backend {
    return this.#backend
  }

  key(task: string) {
    return { run: 'run_1', task, attempt: 1 }
  }

  order({ task, acts, words }: Given): AgentOrder {
    return { key: this.key(task), prompt: this.text(task, 1, acts, words), simulate: scriptOf(acts) }
  }

  text(task: string, turn: number, acts: readonly Act[], words = 'Do it.'): string {
    return `${words}\n[simulate:${JSON.stringify(scriptOf(acts))}]\n${formatMark(this.key(task), turn)}`
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) await this.#clock.advance(STEP_MS)
  }

  async reopen(): Promise<void> {
    await this.#backend.close()
    this.#backend = this.#open()
  }

  async killTroupeIn(order: AgentOrder, far: () => Promise<void>): Promise<AgentRunRef> {
    const ref = await this.#backend.create(order, never)
    await far()
    // What it had in memory is gone; nobody was told.
    this.#backend = this.#open()
    return ref
  }

  async letGo(): Promise<readonly string[]> {
    return []
  }

  async close(): Promise<readonly string[]> {
    await this.#backend.close()
    await this.#close()
    return []
  }
}

function scriptOf(acts: readonly Act[]): JsonObject {
  const said = acts.find((act) => act.act === 'say')
  const outcome = acts.some(({ act }) => act === 'hang') ? 'never' : 'complete'
  return { outcome, durationMs: TURN_MS, result: said?.text ?? 'Nothing.', tokens: TOKENS }
}
