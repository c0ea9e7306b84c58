import { describe, expect, it } from 'vitest'
import { watchAgentRun } from '../src/actors/watch-agent-run.ts'
import { SignsOfLife } from '../src/signs-of-life.ts'
import { inTurn, REF, scriptedBackend, stateOf } from './actors/scripted-backend.ts'
import { scriptedContext, start } from './actors/scripted-context.ts'

describe('the signs of life of a run', () => {
  it('are of the attempt that is watched, and change whenever one is seen', () => {
    const signs = new SignsOfLife()
    expect([signs.last('a', 1), signs.seen]).toEqual([undefined, 0])
    signs.saw('a', 1, 5)
    signs.saw('a', 1, 9)
    expect([signs.last('a', 1), signs.last('a', 2), signs.last('b', 1), signs.seen]).toEqual([
      9,
      undefined,
      undefined,
      2,
    ])
  })

  it('are forgotten with the watch of their attempt, not with that of another', () => {
    const signs = new SignsOfLife()
    signs.saw('a', 2, 5)
    signs.forget('a', 1)
    expect(signs.last('a', 2)).toBe(5)
    signs.forget('a', 2)
    expect(signs.last('a', 2)).toBeUndefined()
  })
})

describe('a watched agent', () => {
  it('is said to get on when something of it changes, not when it is first seen or seen again', async () => {
    const signs: (number | undefined)[] = []
    const backend = scriptedBackend({
      read: inTurn(stateOf('active'), stateOf('active'), stateOf('active', { progress: 0.5 }), stateOf('complete')),
    })
    const run = scriptedContext(backend, { signOfLife: (_task, _attempt, at) => void signs.push(at) })
    start(watchAgentRun(run), { task: 'a', attempt: 1, ref: REF, turn: 1, expect: 'active' })
    for (let reads = 0; reads < 4; reads++) {
      await run.clock.advance(1_000)
      backend.hint()
    }
    await run.clock.advance(0)
    // Its end is the last sign; then it is watched no more.
    expect(signs).toEqual([3_000, 4_000, undefined])
  })
})
