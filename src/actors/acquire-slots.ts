import type { Failure } from '../domain/backend.ts'
import type { Effect } from '../domain/effect.ts'
import type { WaitingFor } from '../domain/limiter.ts'
import { backoffDelay } from '../machines/backoff.ts'
import type { AcquireInput, AcquireOutput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

const REFUSED = { delayMs: 1_000, factor: 2, maxDelayMs: 60_000 }
/** A wait shorter than this is not worth a record. */
const SAY_AFTER_MS = 2_000

/** Waits until the attempt holds all it needs at once. An in-process wait: nothing leaves. */
export const acquireSlots =
  (run: RunContext): Effect<AcquireInput, AcquireOutput> =>
  async (input, { signal }) => {
    const { clock, limiter } = run
    const notBefore = earliest(run, input)
    const request = { ...run.slots(input.task, input.attempt), ...(notBefore === undefined ? {} : { notBefore }) }
    let waiting: WaitingFor | undefined
    let timer: ReturnType<typeof clock.setTimeout> | undefined
    const say = () => {
      timer = undefined
      if (waiting !== undefined) run.progress(input.task, input.attempt, { waitingFor: { ...waiting } })
    }
    const onWait = (reason: WaitingFor) => {
      const changed = waiting?.kind !== reason.kind || waiting.name !== reason.name
      waiting = reason
      if (changed) timer ??= clock.setTimeout(say, SAY_AFTER_MS)
    }
    try {
      for (;;) {
        await limiter.acquire(request, signal, onWait)
        const reserved = run.reserveBudget(input.task, input.attempt)
        if (reserved === undefined) return { at: clock.now() }
        if (typeof reserved !== 'string') return { at: clock.now(), reserved }
        limiter.release(request.holder)
        if (!run.pauseForBudget(reserved)) throw overBudget(reserved)
      }
    } finally {
      if (timer !== undefined) clock.clearTimeout(timer)
    }
  }

/** When the create may be sent: when the provider said, as long as that lies ahead; else a put-back one is spaced from the last. */
function earliest({ clock, seed, run }: RunContext, { task, refusals, notBefore }: AcquireInput): number | undefined {
  const now = clock.now()
  if (notBefore !== undefined && notBefore > now) return notBefore
  return refusals > 0 ? now + backoffDelay(REFUSED, refusals, seed, `${run}/${task}/${refusals}`) : undefined
}

function overBudget(message: string): Failure {
  return { kind: 'refused', message, retryable: false, certain: true }
}
