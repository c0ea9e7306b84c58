import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Faults } from '../src/backends/codegen/stand-in/faults.ts'
import { createStandIn, type StandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { sleep } from '../src/domain/clock.ts'
import type { RunOutcome } from '../src/domain/orchestration.ts'
import { createVirtualClock, type VirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

/** How an account is reached, and what is wrong with it. */
export interface DistantAccountOptions {
  readonly seed: number
  readonly faults: Partial<Faults>
  /** How long a call is on its way there and back, ms; told by its number. */
  readonly trip: (call: number) => { readonly there: number; readonly back: number }
}

/** What an account has seen. */
export interface DistantAccount {
  readonly clock: VirtualClock
  readonly standIn: StandIn
  /** When calls reached it, ms after the beginning, by the window they count in. */
  readonly arrivals: { readonly create: number[]; readonly shared: number[] }
  /** Calls that it refused for their rate. */
  refused: number
  /** Carries `agents` agents out at once, each as long as told; resolves when the run has settled or `limitMs` have passed. */
  carryOut(agents: number, duration: (agent: number) => number, limitMs?: number): Promise<RunOutcome | undefined>
}

/** A whole orchestrator in virtual time against the stand-in with the documented limits, over a network that takes its time. */
export async function withDistantAccount<T>(
  { seed, faults, trip }: DistantAccountOptions,
  measure: (account: DistantAccount) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock, seed, faults })
  const began = clock.now()
  let calls = 0
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const { there, back } = trip(calls++)
    await sleep(clock, there)
    account.arrivals.shared.push(clock.now() - began)
    if (request.method === 'POST' && request.url.endsWith('/agent/run'))
      account.arrivals.create.push(clock.now() - began)
    const settled = await standIn.fetch(request).then(
      (response) => ({ response }),
      (error: unknown) => ({ error }),
    )
    await sleep(clock, back)
    if ('error' in settled) throw settled.error
    if (settled.response.status === 429) account.refused++
    return settled.response
  }
  // Not the embedded stand-in: what was created is looked for through the whole grace time, as at the real service.
  const environment = { baseUrl: 'http://codegen.invalid', token: 'token-of-the-benchmark' }
  const orchestrator = await createLocalOrchestrator({ dataDir, clock, fetch, environment })
  const account: DistantAccount = {
    clock,
    standIn,
    arrivals: { create: [], shared: [] },
    refused: 0,
    async carryOut(agents, duration, limitMs = Number.POSITIVE_INFINITY) {
      const tasks = Object.fromEntries(
        Array.from({ length: agents }, (_, at) => [
          `t${at}`,
          { prompt: 'work', timeout: '1d', simulate: { duration: `${duration(at)}ms` } },
        ]),
      )
      const workflow = defineWorkflow({
        name: 'distant',
        concurrency: agents,
        defaults: { repository: 'acme/shop' },
        tasks,
      })
      const run = await orchestrator.start(workflow, {}, { seed })
      let outcome: RunOutcome | undefined
      void orchestrator.settled(run).then((settled) => {
        outcome = settled
      })
      await clock.runUntil(() => outcome !== undefined || clock.now() - began >= limitMs)
      return outcome
    },
  }
  try {
    return await measure(account)
  } finally {
    await clock.runUntil(orchestrator.close())
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** The most of these times that lie in any stretch of `windowMs`. */
export function mostInAWindow(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  let most = 0
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while ((sorted[to] ?? 0) - (sorted[from] ?? 0) >= windowMs) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
