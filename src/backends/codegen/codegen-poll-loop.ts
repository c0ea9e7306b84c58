import type { AgentRunRef } from '../../domain/backend.ts'
import type { Clock } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import type { CodegenClient } from './codegen-client.ts'
import { expectedIndex, missedBy, type PollRequest, planRequest } from './codegen-list-place.ts'
import type { PollPace } from './codegen-pace.ts'
import type { CodegenRun } from './codegen-schemas.ts'
import type { CodegenPage } from './codegen-sender.ts'
import { goneState, toAgentRunState } from './codegen-status.ts'
import { backoffMs, type WatchedRun } from './codegen-watched-run.ts'

/** What the loop polls, and with what. */
export interface PollLoopOptions {
  readonly client: CodegenClient
  readonly clock: Clock
  readonly pace: PollPace
  /** Shared with who adds and removes runs. */
  readonly runs: ReadonlyMap<string, WatchedRun>
  organization(signal: AbortSignal): Promise<string>
  /** The organization in which a run was created. */
  organizationOf(ref: AgentRunRef, signal: AbortSignal): Promise<string>
  /** The user whose runs are listed; while unknown, the list is asked without. */
  userId(signal: AbortSignal): Promise<string>
}

/** Runs that exist and that the list did not show, before its filters are taken to be wrong. */
const FILTER_DOUBTS = 3
const RETRY_USER_MS = 60_000
const SHORTEST_TIMEOUT_MS = 5000
const LONGEST_TIMEOUT_MS = 30_000
/** Failures in a row after which one watcher is told. */
const TELLING_FAILURES = 4

/** Polls for all watched runs, one call after the other, as long as there are any. No failure ends it. */
export class PollLoop {
  private readonly options: PollLoopOptions
  private running: AbortController | undefined
  private awaken: (() => void) | undefined
  /** Failures in a row, whatever was asked. */
  private failures = 0
  private notBefore = 0
  private total: number | null = null
  private user: string | undefined
  private askUserAt = 0
  private isFiltered = true
  private unlisted = 0

  constructor(options: PollLoopOptions) {
    this.options = options
  }

  /** Something has changed in the runs: starts, stops, or looks again what is next. */
  kick(): void {
    if (this.options.runs.size === 0) {
      this.stop()
      return
    }
    if (this.running === undefined) {
      const controller = new AbortController()
      this.running = controller
      void this.run(controller.signal)
    }
    this.awaken?.()
  }

  stop(): void {
    this.running?.abort(new Error('Nothing is watched any more.'))
    this.running = undefined
    this.awaken?.()
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.step(signal)
  }

  private async step(signal: AbortSignal): Promise<void> {
    const now = this.options.clock.now()
    const target = this.mostOverdue()
    if (target === undefined) return this.pause(backoffMs(1))
    const wait = Math.max(target.nextAt - now, this.notBefore - now, 0) || this.options.pace.delay()
    if (wait > 0) return this.pause(wait)

    for (const run of this.options.runs.values()) run.refresh(now)
    const request = this.plan(target, now)
    try {
      if (request.kind === 'run') await this.askRun(target, signal)
      else await this.askPage(request, signal)
      this.failures = 0
    } catch (error) {
      if (!signal.aborted) this.fail(error, target, request)
    }
  }

  private mostOverdue(): WatchedRun | undefined {
    let first: WatchedRun | undefined
    for (const run of this.options.runs.values()) {
      if (first === undefined || run.nextAt < first.nextAt) first = run
    }
    return first
  }

  private plan(target: WatchedRun, now: number): PollRequest {
    const runs = [...this.options.runs.values()]
    const due = runs.filter((run) => run.nextAt <= now)
    const live = runs.filter((run) => run.isLive || run.nextAt <= now)
    return planRequest(target, due, live, this.total)
  }

  private async askRun(run: WatchedRun, signal: AbortSignal): Promise<void> {
    const { client, clock, pace } = this.options
    const organization = await this.options.organizationOf(run.ref, signal)
    pace.spend()
    const askedAt = clock.now()
    try {
      const { value, sentAt } = await client.get(organization, run.id, signal, this.timeoutMs)
      run.see({ state: toAgentRunState(value, sentAt), fetchedAt: sentAt }, clock.now())
      if (run.alone && run.isGrown(clock.now())) this.doubtFilters()
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind !== 'not-found') throw error
      run.see({ state: goneState(askedAt), fetchedAt: askedAt }, clock.now())
    }
    run.askedAlone()
  }

  private async askPage(request: Extract<PollRequest, { kind: 'page' }>, signal: AbortSignal): Promise<void> {
    const { client, pace } = this.options
    const organization = await this.options.organization(signal)
    if (this.isFiltered) await this.findUser(signal)
    pace.spend()
    const { skip, limit } = request
    const filter = this.isFiltered ? { userId: this.user, sourceType: 'API' } : {}
    const page = await client.list(organization, { skip, limit, timeoutMs: this.timeoutMs, ...filter }, signal)
    this.take(skip, page)
  }

  private take(skip: number, page: CodegenPage<CodegenRun>): void {
    const now = this.options.clock.now()
    const end = skip + page.limit
    // Before any hint: what a watcher does about it may change the runs.
    const wanted = [...this.options.runs.values()].filter((run) => run.nextAt <= now && !run.alone)
    const missed = new Set(wanted.filter((run) => this.isExpected(run, skip, end)))
    this.total = page.total
    const shown = page.items.flatMap((item, index) => {
      const run = this.options.runs.get(item.id)
      return run === undefined ? [] : [{ run, item, index: skip + index }]
    })
    for (const { run, index } of shown) {
      run.found(index, page.total)
      missed.delete(run)
    }
    if (shown.length > 0) this.unlisted = 0
    const listed = { ...page, skip, ids: page.items.map((item) => item.id), hits: shown.length }
    for (const run of missed) {
      const place = missedBy(listed, run.id, run.place)
      if (place === 'unlisted') run.notListed(now)
      else run.place = place
    }
    for (const { run, item } of shown) {
      run.see({ state: toAgentRunState(item, page.sentAt), fetchedAt: page.sentAt }, now)
    }
  }

  /** One slow answer must not keep the others from being asked; a server that is always slow is given its time. */
  private get timeoutMs(): number {
    return Math.min(LONGEST_TIMEOUT_MS, SHORTEST_TIMEOUT_MS * 2 ** this.failures)
  }

  private isExpected(run: WatchedRun, skip: number, end: number): boolean {
    const index = expectedIndex(run.place, this.total)
    return index >= skip && index < end
  }

  private fail(error: unknown, target: WatchedRun, request: PollRequest): void {
    const now = this.options.clock.now()
    const details = error instanceof BackendError ? error : undefined
    this.failures++
    const delay = backoffMs(this.failures)
    for (const run of this.affectedBy(target, request, now)) run.failed(now, delay, details?.status === 200)
    // One page may be bad for reasons of its own; the others go on until a second call in a row fails.
    const isGeneral = details?.kind === 'limit' || details?.kind === 'auth' || this.failures > 1
    if (isGeneral) this.notBefore = Math.max(now + delay, details?.notBefore ?? 0)
    // Whoever reads for itself now learns why, and can say so; what was seen a moment ago may still be taken for the answer.
    if (details?.kind === 'auth' || this.failures === TELLING_FAILURES) target.hint()
  }

  private affectedBy(target: WatchedRun, request: PollRequest, now: number): readonly WatchedRun[] {
    if (request.kind === 'run') return [target]
    const { skip, limit } = request
    return [...this.options.runs.values()].filter(
      (run) => run.nextAt <= now && !run.alone && this.isExpected(run, skip, skip + limit),
    )
  }

  /** Asks whose token this is, once; after a failure not again for a while, and the list is asked without it. */
  private async findUser(signal: AbortSignal): Promise<void> {
    const { clock, pace, userId } = this.options
    if (this.user !== undefined || clock.now() < this.askUserAt) return
    try {
      pace.spend()
      this.user = await userId(signal)
      this.losePlaces()
    } catch (error) {
      if (signal.aborted) throw error
      this.askUserAt = clock.now() + RETRY_USER_MS
    }
  }

  private doubtFilters(): void {
    if (!this.isFiltered || ++this.unlisted < FILTER_DOUBTS) return
    this.isFiltered = false
    this.losePlaces()
  }

  private losePlaces(): void {
    this.total = null
    for (const run of this.options.runs.values()) run.lostPlace()
  }

  private pause(ms: number): Promise<void> {
    const { clock } = this.options
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => done(), ms)
      const done = () => {
        clock.clearTimeout(timer)
        if (this.awaken === done) this.awaken = undefined
        resolve()
      }
      this.awaken = done
    })
  }
}
