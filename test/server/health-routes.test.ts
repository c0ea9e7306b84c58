import { describe, expect, it } from 'vitest'
import type { FolderHealth } from '../../src/domain/measure.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { healthRoutes } from '../../src/server/health-routes.ts'
import { FakeOrchestrator, NOON } from '../support/fake-orchestrator.ts'

function world() {
  const orchestrator = new FakeOrchestrator()
  const clock = createVirtualClock()
  const state = { draining: false, restored: true }
  const routes = healthRoutes({
    orchestrator,
    clock,
    version: '1.2.3',
    draining: () => state.draining,
    restored: () => state.restored,
  })
  const ask = async (path: string) => {
    const answer = await routes.request(path)
    return { status: answer.status, cache: answer.headers.get('cache-control'), body: await answer.json() }
  }
  return { orchestrator, clock, state, ask }
}

const READY = { status: 'ready', restored: true, draining: false, writable: true, backends: {} }

describe('/healthz', () => {
  it('says that the process answers, whatever state the folder is in', async () => {
    const { orchestrator, state, ask } = world()
    orchestrator.health = () => new Promise(() => undefined)
    state.draining = true
    expect(await ask('/healthz')).toEqual({
      status: 200,
      cache: 'no-store',
      body: { status: 'ok', pid: process.pid, version: '1.2.3' },
    })
  })
})

describe('/readyz', () => {
  it('is 200 once runs are restored, while the disk can be written and nothing is ending', async () => {
    const { state, ask } = world()
    state.restored = false
    expect(await ask('/readyz')).toEqual({
      status: 503,
      cache: 'no-store',
      body: { ...READY, status: 'not-ready', restored: false },
    })
    state.restored = true
    expect(await ask('/readyz')).toEqual({ status: 200, cache: 'no-store', body: READY })
    state.draining = true
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: { ...READY, status: 'not-ready', draining: true } })
  })

  it('is 503 with the reason while the disk cannot be written', async () => {
    const { orchestrator, ask } = world()
    orchestrator.healthy = { writable: false, problem: 'No space is left.', backends: {} }
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { ...READY, status: 'not-ready', writable: false, problem: 'No space is left.' },
    })
  })

  it('tells of each account whether it can be reached, since when and why not, without secrets, and stays ready', async () => {
    const { orchestrator, ask } = world()
    orchestrator.healthy = {
      writable: true,
      backends: {
        codegen: { reachable: 'no', at: NOON, message: 'GET https://u:pw@h/v1?key=abc: Bearer abcdef refused' },
        simulated: { reachable: 'unknown' },
      },
    }
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      body: {
        ...READY,
        backends: {
          codegen: {
            reachable: 'no',
            at: NOON,
            message: 'GET https://[redacted]@h/v1 Bearer [redacted] refused',
          },
          simulated: { reachable: 'unknown' },
        },
      },
    })
  })

  it('is 503 when the folder does not answer within 2 s, and asks it no second time meanwhile', async () => {
    const { orchestrator, clock, ask } = world()
    let answer: (health: FolderHealth) => void = () => undefined
    let asked = 0
    orchestrator.health = () => {
      asked++
      return new Promise((resolve) => {
        answer = resolve
      })
    }
    const late = { writable: false, problem: 'The data folder did not answer within 2 s.', backends: {} }
    const both = Promise.all([ask('/readyz'), ask('/readyz')])
    await clock.runUntil(both)
    const expected = { status: 503, cache: 'no-store', body: { ...READY, status: 'not-ready', ...late } }
    expect([await both, asked, clock.pending()]).toEqual([[expected, expected], 1, 0])
    answer({ writable: true, backends: {} })
    await clock.advance(0)
    const again = ask('/readyz')
    await clock.advance(0)
    answer({ writable: true, backends: {} })
    expect([(await again).status, asked, clock.pending()]).toEqual([200, 2, 0])
  })

  it('is 503 when the question itself fails', async () => {
    const { orchestrator, ask } = world()
    orchestrator.health = () => {
      throw new Error('closed')
    }
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: { writable: false, problem: 'closed' } })
  })
})
