import { describe, expect, it } from 'vitest'
import { awaitNews } from '../../src/actors/await-news.ts'
import type { NewsOutput } from '../../src/machines/effects.ts'
import { scriptedBackend } from './scripted-backend.ts'
import { scriptedContext, start } from './scripted-context.ts'

/** A manager that is idle, in a run of which things can be told. */
function waiting() {
  let news: NewsOutput = { upTo: 5, changed: false, final: false }
  const listeners = new Set<() => void>()
  const run = scriptedContext(scriptedBackend(), {
    news: () => news,
    newsChanged: (signal) =>
      new Promise((resolve, reject) => {
        listeners.add(resolve)
        signal.addEventListener('abort', () => {
          listeners.delete(resolve)
          reject(signal.reason)
        })
      }),
  })
  const tell = async (next: Partial<NewsOutput>) => {
    news = { ...news, ...next }
    for (const listener of [...listeners]) listener()
    await run.clock.advance(0)
  }
  return { run, tell, listeners, awaiting: start(awaitNews(run), { task: 'manager', attempt: 1, toldUpTo: 5 }) }
}

describe('news', () => {
  it('are told at most every reportEvery, with all that settled until then', async () => {
    const { run, tell, awaiting } = waiting()
    await run.clock.advance(100_000)
    await tell({ upTo: 8, changed: true })
    await tell({ upTo: 11 })
    await run.clock.advance(199_999)
    expect(awaiting.outcome()).toBe(undefined)
    await run.clock.advance(1)
    expect(awaiting.outcome()).toEqual({ output: { upTo: 11, changed: true, final: false } })
  })

  it('are told at once when nothing was told for longer', async () => {
    const { run, tell, awaiting } = waiting()
    await run.clock.advance(400_000)
    await tell({ upTo: 8, changed: true })
    expect(awaiting.outcome()).toEqual({ output: { upTo: 8, changed: true, final: false } })
  })

  it('are not told while nothing settled, however long that takes', async () => {
    const { run, tell, awaiting } = waiting()
    await tell({})
    await run.clock.advance(86_400_000)
    expect([awaiting.outcome(), run.clock.pending()]).toEqual([undefined, 0])
  })

  it('are asked for with what is due anyway, and pause the run where its budget holds them back', async () => {
    const asked: unknown[] = []
    const paused: string[] = []
    const run = scriptedContext(scriptedBackend(), {
      reportEveryMs: 0,
      news: (toldUpTo, due) => {
        asked.push([toldUpTo, due])
        return { upTo: toldUpTo, changed: false, final: false, held: 'No turn is left' }
      },
      pauseForBudget: (reason) => paused.push(reason) > 0,
    })
    const awaiting = start(awaitNews(run), { task: 'manager', attempt: 1, toldUpTo: 5, due: true })
    await run.clock.advance(0)
    expect([asked, paused, awaiting.outcome()]).toEqual([[[5, true]], ['No turn is left'], undefined])
  })

  it('are told at once when the run ends, even if there are none', async () => {
    const { tell, awaiting } = waiting()
    await tell({ final: true })
    expect(awaiting.outcome()).toEqual({ output: { upTo: 5, changed: false, final: true } })
  })

  it('leave neither timers nor listeners behind', async () => {
    const { run, tell, listeners, awaiting } = waiting()
    await tell({ upTo: 8, changed: true })
    expect([run.clock.pending(), listeners.size]).toEqual([1, 1])
    awaiting.abort()
    await run.clock.advance(0)
    expect([run.clock.pending(), listeners.size]).toEqual([0, 0])
    expect(awaiting.outcome()).toEqual({ error: new Error('The state was left') })
  })
})
