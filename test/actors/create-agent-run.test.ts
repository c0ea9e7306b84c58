import { describe, expect, it } from 'vitest'
import { createAgentRun } from '../../src/actors/create-agent-run.ts'
import type { AgentOrder } from '../../src/domain/backend.ts'
import type { CreateInput } from '../../src/machines/effects.ts'
import { backendError, inTurn, REF, scriptedBackend } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

const INPUT: CreateInput = { task: 'a', attempt: 2, intentAt: 0 }

describe('a create', () => {
  it('sends the order of the attempt', async () => {
    const orders: AgentOrder[] = []
    const backend = scriptedBackend({
      create: async (order) => {
        orders.push(order)
        return REF
      },
    })
    const run = scriptedContext(backend, {
      order: async (task, attempt, { failure, prompt }) => ({
        key: { run: 'run_1', task, attempt },
        prompt: `${prompt}, after ${failure?.message}`,
      }),
    })
    const failure = { kind: 'agent-failed', message: 'it broke', retryable: true, certain: true } as const
    const creating = start(createAgentRun(run), { ...INPUT, failure, prompt: 'Do it' })
    await run.clock.advance(0)
    expect(creating.outcome()).toEqual({ output: REF })
    expect(orders).toEqual([{ key: { run: 'run_1', task: 'a', attempt: 2 }, prompt: 'Do it, after it broke' }])
  })

  it('does not call after a restart: whether it had called is settled first (I2)', async () => {
    const backend = scriptedBackend({ create: inTurn(REF) })
    const run = scriptedContext(backend)
    const creating = start(createAgentRun(run), INPUT, true)
    await run.clock.advance(0)
    const error = backendError('unknown-outcome', { certain: false })
    error.message = 'Restarted while an agent may have been created'
    expect(creating.outcome()).toEqual({ error })
    expect(backend.calls).toEqual([])
  })

  it('does not call where a damaged record may have named what was created', async () => {
    const backend = scriptedBackend({ create: inTurn(REF) })
    const run = scriptedContext(backend, { searchSince: () => 1_000 })
    const creating = start(createAgentRun(run), INPUT)
    await run.clock.advance(0)
    expect([creating.outcome() !== undefined, backend.calls]).toEqual([true, []])
  })

  it('calls again after a restart where a repeated create makes no second run', async () => {
    const backend = scriptedBackend({ create: inTurn(REF), capabilities: { idempotentCreate: true } })
    const run = scriptedContext(backend)
    const creating = start(createAgentRun(run), INPUT, true)
    await run.clock.advance(0)
    expect([creating.outcome(), backend.calls]).toEqual([{ output: REF }, ['create']])
  })

  it('does not call when its state was left while the prompt was made', async () => {
    const backend = scriptedBackend({ create: inTurn(REF) })
    const run = scriptedContext(backend)
    const creating = start(createAgentRun(run), INPUT)
    creating.abort()
    await run.clock.advance(0)
    expect([creating.outcome(), backend.calls]).toEqual([{ error: new Error('The state was left') }, []])
  })
})
