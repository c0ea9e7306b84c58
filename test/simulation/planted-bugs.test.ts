/** Does the simulation see what it is for? Each guard is taken out of the code under test, and some seed must find it. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type * as CodegenBackends from '../../src/backends/codegen/codegen-backend.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import type * as Actors from '../../src/host/durable-actors.ts'
import type * as Journals from '../../src/host/journal.ts'
import type * as RunHosts from '../../src/host/run-host.ts'
import type * as Limiters from '../../src/limits/limiter.ts'
import type * as AgentMachines from '../../src/machines/agent-machine.ts'
import { simulateSeed } from './simulate-seed.ts'

const planted = vi.hoisted((): { bug: string } => ({ bug: '' }))

vi.mock('../../src/machines/agent-machine.ts', async (original) => {
  const { agentMachine } = await original<typeof AgentMachines>()
  const careless = agentMachine.provide({ guards: { mayRunBeside: () => true } })
  return {
    get agentMachine() {
      return planted.bug === 'I1' ? careless : agentMachine
    },
  }
})

vi.mock('../../src/backends/codegen/codegen-backend.ts', async (original) => {
  const module = await original<typeof CodegenBackends>()
  const createCodegenBackend: typeof module.createCodegenBackend = (options) => {
    const backend = module.createCodegenBackend(options)
    return planted.bug === 'I2' ? { ...backend, find: async () => ({ kind: 'absent' }) } : backend
  }
  return { ...module, createCodegenBackend }
})

vi.mock('../../src/host/journal.ts', async (original) => {
  const module = await original<typeof Journals>()
  const openJournal: typeof module.openJournal = (options) => {
    const journal = module.openJournal(options)
    let last: readonly JournalRecord[] = []
    return new Proxy(journal, {
      get(target, name) {
        if (planted.bug === 'I9' && name === 'onCommit') {
          return (listener: (records: readonly JournalRecord[]) => void) =>
            target.onCommit((records) => {
              listener([...last, ...records])
              last = records.slice(-1)
            })
        }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  return { ...module, openJournal }
})

vi.mock('../../src/host/durable-actors.ts', async (original) => {
  const module = await original<typeof Actors>()
  class DurableActors extends module.DurableActors {
    constructor(options: Actors.DurableActorsOptions) {
      super(planted.bug === 'I3' ? { ...options, durable: async () => {} } : options)
    }
  }
  return { ...module, DurableActors }
})

vi.mock('../../src/limits/limiter.ts', async (original) => {
  const module = await original<typeof Limiters>()
  const createLimiter: typeof module.createLimiter = (options) => {
    const limiter = module.createLimiter(options)
    if (planted.bug === 'I6') limiter.setBucket = () => {}
    return limiter
  }
  return { ...module, createLimiter }
})

/** The late end of an attempt that was given up is taken for the end of its task. */
vi.mock('../../src/host/run-host.ts', async (original) => {
  const module = await original<typeof RunHosts>()
  class RunHost extends module.RunHost {
    override note(task: string, attempt: number, data: JsonObject): void {
      if (planted.bug !== 'I8' || data['lateEnd'] === undefined) {
        super.note(task, attempt, data)
        return
      }
      const from = this.projection.live.get(task)?.state ?? this.projection.settled.get(task)?.status ?? ''
      const late = { task, attempt, event: 'xstate.done.actor.watch', from, to: 'completed' }
      this.append('transition', { kind: 'agent', id: task }, late)
    }
  }
  return { ...module, RunHost }
})

/** Some tens of seeds on a machine that has other things to do. */
const LONGEST_MS = 180_000

/** The first seed that breaks an invariant, which one, and why. */
async function firstFound(most: number): Promise<{ seed: number; invariant: string; message: string } | undefined> {
  for (let seed = 1; seed <= most; seed++) {
    const { violation } = await simulateSeed(seed)
    if (violation !== undefined) return { seed, invariant: violation.invariant, message: violation.message }
  }
  return undefined
}

describe('a guard that is missing is found within 1,000 seeds', () => {
  beforeEach(() => {
    planted.bug = ''
  })

  it.each([
    ['I1', 'an agent past its deadline is given a second one beside it', /was created while/],
    ['I2', 'a create of unknown outcome is never found', /was created a second time|is known to nobody/],
    ['I3', 'effects do not wait for the disk', /but no record of it is durable/],
    ['I6', 'the limiter knows no windows', /are allowed|refused/],
    ['I8', 'a late end completes its task', /had been given up|completes for the/],
    ['I9', 'each commit tells the last record again', /was told again/],
  ])(
    '%s: %s',
    async (invariant, _, message) => {
      planted.bug = invariant
      const found = await firstFound(1_000)
      expect(found).toEqual({ seed: expect.any(Number), invariant, message: expect.stringMatching(message) })
      console.log(`${invariant} was found by seed ${found?.seed}`)
    },
    LONGEST_MS,
  )
})
