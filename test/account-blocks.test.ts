import { describe, expect, it } from 'vitest'
import { AccountBlocks } from '../src/account-blocks.ts'
import type { Failure } from '../src/domain/backend.ts'
import type { RunHost } from '../src/host/run-host.ts'
import { createPassThroughLimiter } from './support/pass-through-limiter.ts'

const quota: Failure = { kind: 'quota', message: 'No agent runs left', retryable: false, certain: true }

/** A run that only notes what it is told. */
function host(status: string) {
  const told: string[] = []
  const run = {
    status,
    workflow: { tasks: [{ backend: 'codegen' }] },
    alert: (code: string, message: string) => told.push(`${code}: ${message}`),
    pause: (reason: { kind: string }) => {
      told.push(`pause for ${reason.kind}`)
      run.status = 'paused'
    },
  }
  return { told, host: run as unknown as RunHost }
}

describe('an account that refused for good', () => {
  const blocks = () => new AccountBlocks(createPassThroughLimiter(), (backend) => backend)

  it('is told once to each run that uses it, however many agents are refused, and pauses those that run', () => {
    const [running, ended] = [host('running'), host('completed')]
    const account = blocks()
    account.block('codegen', quota, [running.host, ended.host])
    account.block('codegen', quota, [running.host, ended.host])
    expect(running.told).toEqual(['quota: No agent runs left', 'pause for quota'])
    expect(ended.told).toEqual([])
  })

  it('is told to a run that is paused for another reason too', () => {
    const paused = host('paused')
    blocks().block('codegen', quota, [paused.host])
    expect(paused.told).toEqual(['quota: No agent runs left'])
  })

  it('is told again when it refuses after somebody said to go on', () => {
    const paused = host('paused')
    const account = blocks()
    account.block('codegen', quota, [paused.host])
    account.open(['codegen'])
    account.block('codegen', quota, [paused.host])
    expect(paused.told).toEqual(['quota: No agent runs left', 'quota: No agent runs left'])
  })
})
