import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import type { NewsInput, NewsOutput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

/**
 * Waits until there is something to tell the manager, at most once per `reportEvery`, and the run may send it a turn, or the run ends.
 * An in-process wait.
 */
export const awaitNews =
  (run: RunContext): Effect<NewsInput, NewsOutput> =>
  async (input, { signal }) => {
    const notBefore = run.clock.now() + run.reportEveryMs
    for (;;) {
      const { held, ...news } = run.news(input.toldUpTo, input.due === true)
      const rest = notBefore - run.clock.now()
      if (news.final || (news.changed && rest <= 0)) return news
      // It waits for whoever lets the run continue.
      if (held !== undefined) run.pauseForBudget(held)
      const wake = new AbortController()
      const onAbort = () => wake.abort(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      const waits = [run.newsChanged(wake.signal)]
      if (news.changed) waits.push(sleep(run.clock, rest, wake.signal))
      try {
        await Promise.race(waits)
      } finally {
        signal.removeEventListener('abort', onAbort)
        wake.abort()
        for (const wait of waits) wait.catch(() => {})
      }
      signal.throwIfAborted()
    }
  }
