import type { AgentRunRef, AgentRunState } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import type { Limiter } from '../../domain/limiter.ts'
import type { CodegenClient } from './codegen-client.ts'
import type { CodegenLimits } from './codegen-limits.ts'
import { createPollPace } from './codegen-pace.ts'
import { PollLoop } from './codegen-poll-loop.ts'
import { type FetchedState, WatchedRun } from './codegen-watched-run.ts'

/** What the watcher of an account works with. */
export interface CodegenWatcherOptions {
  readonly client: CodegenClient
  readonly clock: Clock
  readonly limiter: Limiter
  /** As declared for the account; they pace the polls. Default: the provider's. */
  readonly limits?: CodegenLimits
  /** The organization whose list is read. */
  organization(signal: AbortSignal): Promise<string>
  /** The organization in which a run was created. */
  organizationOf(ref: AgentRunRef, signal: AbortSignal): Promise<string>
  /** The user whose runs are listed; while that fails, the list is asked without. */
  userId(signal: AbortSignal): Promise<string>
}

/** Watches all agent runs of an account with as few calls as it can. Polls only while something is watched. */
export interface CodegenWatcher {
  /** Calls `onHint` when the run is first seen and whenever its status or result changed. Resolves when aborted. */
  watch(ref: AgentRunRef, onHint: () => void, signal: AbortSignal): Promise<void>
  /** What was last seen of a run that is watched, or was until a moment ago; undefined after a prompt until seen again. */
  latest(id: string): FetchedState | undefined
  /** The state as of now or later, read together with that of others. Rejects only when aborted. */
  next(ref: AgentRunRef, signal: AbortSignal): Promise<AgentRunState>
  /** Takes note of a state that somebody else has read. */
  observe(id: string, seen: FetchedState): void
  /** The run was prompted: what was seen of it is out of date, and it may soon end again. */
  renew(id: string): void
  /** It may be time to read the run: done soon, at most once in 5 s a run. */
  wake(id: string): void
  /** Stops polling. */
  close(): void
}

/** How long a run is remembered after its last watcher left, ms: who was just hinted may still read it. */
const REMEMBERED_MS = 15_000

/** The watcher of one account. */
export function createCodegenWatcher(options: CodegenWatcherOptions): CodegenWatcher {
  const { clock } = options
  const runs = new Map<string, WatchedRun>()
  const left = new Map<string, { run: WatchedRun; at: number }>()
  const pace = createPollPace(clock, options.limiter, options.client.account, options.limits)
  const loop = new PollLoop({ ...options, pace, runs })
  let isClosed = false

  const enter = (ref: AgentRunRef): WatchedRun => {
    const run = runs.get(ref.id) ?? left.get(ref.id)?.run ?? new WatchedRun(ref, clock.now())
    left.delete(ref.id)
    runs.set(ref.id, run)
    return run
  }
  const leave = (run: WatchedRun) => {
    if (run.isWanted) return
    const now = clock.now()
    runs.delete(run.id)
    left.set(run.id, { run, at: now })
    // In order of leaving: the oldest come first.
    for (const [id, { at }] of left) {
      if (now - at <= REMEMBERED_MS) break
      left.delete(id)
    }
    loop.kick()
  }
  const known = (id: string) => runs.get(id) ?? left.get(id)?.run
  const kick = () => {
    if (!isClosed) loop.kick()
  }

  return {
    watch(ref, onHint, signal) {
      if (signal.aborted) return Promise.resolve()
      const run = enter(ref)
      // One of its own, so that the same function may watch twice.
      const hint = () => onHint()
      run.hints.add(hint)
      if (run.current !== undefined) hint()
      kick()
      return untilLeft(signal, () => {
        run.hints.delete(hint)
        leave(run)
      })
    },
    latest: (id) => known(id)?.current,
    next(ref, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const run = enter(ref)
        const stop = () => {
          signal.removeEventListener('abort', onAbort)
          run.waiting.delete(onState)
          leave(run)
        }
        const onAbort = () => {
          stop()
          reject(signal.reason)
        }
        const onState = (state: AgentRunState) => {
          stop()
          resolve(state)
        }
        run.waiting.set(onState, clock.now())
        run.nextAt = Math.min(run.nextAt, clock.now())
        signal.addEventListener('abort', onAbort, { once: true })
        kick()
      })
    },
    observe: (id, seen) => known(id)?.see(seen, clock.now()),
    renew(id) {
      known(id)?.renew(clock.now())
      kick()
    },
    wake(id) {
      // Most hints change nothing: then nobody has to look what is next.
      if (known(id)?.wake(clock.now())) kick()
    },
    close() {
      isClosed = true
      loop.stop()
    },
  }
}

function untilLeft(signal: AbortSignal, onLeave: () => void): Promise<void> {
  return new Promise((resolve) => {
    const leave = () => {
      onLeave()
      resolve()
    }
    signal.addEventListener('abort', leave, { once: true })
  })
}
