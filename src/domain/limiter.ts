import type { JsonObject } from './json.ts'
import type { Priority, RateLimit } from './workflow.ts'

/** Why something waits, since when, and until when if that is known (ms). */
export interface WaitingFor {
  readonly kind: 'concurrency' | 'rate' | 'resource' | 'paused' | 'quota' | 'auth' | 'budget' | 'closed' | 'circuit'
  /** The limit's name: a run, `codegen.create`, a resource. */
  readonly name: string
  readonly since: number
  readonly until?: number
  /** One line for a person. */
  readonly detail?: string
}

/** What an attempt needs before its create may be sent: all of it at once or nothing. */
export interface SlotRequest {
  /** RUN/TASK/ATTEMPT. */
  readonly holder: string
  readonly run: string
  /** Caps and resources held until {@link Limiter.release}; names as declared with {@link Limiter.setCap}. */
  readonly caps: readonly string[]
  /** The account whose closure (402, 401, 403) holds this back. */
  readonly account: string
  /** One place in each is reserved for the coming call. Full names: `codegen.create`. */
  readonly buckets: readonly string[]
  readonly priority: Priority
  /** Longest remaining path, ms: the longer goes first. */
  readonly remaining: number
  /** Not before this time, ms. */
  readonly notBefore?: number
}

/** One limiter for all runs of a data folder. */
export interface Limiter {
  /** Declares or changes a cap (`run:RUN`, `backend:codegen`, `resource:RUN/NAME`); Infinity for none. */
  setCap(name: string, capacity: number): void
  /** Declares or changes a bucket's windows. A bucket may have several; the strictest holds. */
  setBucket(name: string, owner: string, limit: RateLimit): void
  /** Places of a bucket that no reservation takes, because those who hold one need other calls of it before they send theirs. */
  setHeadroom(name: string, places: number): void
  /** Withdraws what `owner` declared for any bucket (a finished run's tightening). */
  dropOwner(owner: string): void
  /** Resolves when all is held. `onWait` is told whenever the reason to wait changes. Rejects when aborted. */
  acquire(request: SlotRequest, signal: AbortSignal, onWait?: (waiting: WaitingFor) => void): Promise<void>
  /** Takes the caps without waiting, for an attempt that already runs (restore). */
  adopt(holder: string, caps: readonly string[]): void
  /** Gives up a holder's caps (or only those named) and unsent reservations. Idempotent. */
  release(holder: string, caps?: readonly string[]): void
  /**
   * Sends a call: waits for a place in each bucket (a reservation of `holder` is used first), notes it before and its answer
   * after. A BackendError of kind `limit` closes the buckets until its notBefore, or with growing delays.
   */
  call<T>(buckets: readonly string[], send: () => Promise<T>, signal: AbortSignal, holder?: string): Promise<T>
  /** Places free now and when the next becomes free, for whoever paces itself. */
  room(bucket: string): { readonly free: number; readonly nextAt: number | null }
  /** No creation of a paused run is granted. */
  pauseRun(run: string, waiting: Pick<WaitingFor, 'kind' | 'name' | 'detail'>): void
  continueRun(run: string): void
  /** No creation of the account is granted until it is opened again. */
  closeAccount(account: string, kind: 'quota' | 'auth', detail: string): void
  openAccount(account: string): void
  /** Whether a circuit breaker of the account is open or half-open: its calls or its agents fail in a row. */
  isTroubled(account: string): boolean
  /** Why a holder waits; undefined when it does not. */
  waiting(holder: string): WaitingFor | undefined
  /** What is used, what waits, until when. */
  view(): JsonObject
  close(): Promise<void>
}
