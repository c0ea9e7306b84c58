import { CODEGEN_LIMITS } from './backends/codegen/codegen-limits.ts'
import type { Limiter } from './domain/limiter.ts'
import type { RunSettings } from './domain/orchestration.ts'
import type { RateLimit, Workflow } from './domain/workflow.ts'

interface Declared {
  readonly workflow: Workflow
  readonly settings: RunSettings
}

/**
 * What unfinished runs say of the limits they share. A workflow only tightens; a person's `--limit` replaces the provider's default
 * while its run is unfinished; of several flags, and of several capacities of one resource, the strictest holds.
 */
export class SharedLimits {
  readonly #limiter: Limiter
  readonly #runs = new Map<string, Declared>()

  constructor(limiter: Limiter) {
    this.#limiter = limiter
  }

  declare(run: string, workflow: Workflow, settings: RunSettings): void {
    this.#runs.set(run, { workflow, settings })
    this.#limiter.setCap(`run:${run}`, workflow.concurrency)
    for (const [backend, buckets] of Object.entries(workflow.limits)) {
      for (const [bucket, limit] of Object.entries(buckets)) this.#limiter.setBucket(`${backend}.${bucket}`, run, limit)
    }
    this.#settleShared(workflow, settings)
  }

  /** The run has ended or is let go: what it said of shared limits no longer holds. */
  drop(run: string): void {
    const declared = this.#runs.get(run)
    if (declared === undefined) return
    this.#runs.delete(run)
    // A run that was cancelled while it was paused is still shut.
    this.#limiter.continueRun(run)
    this.#limiter.dropOwner(run)
    this.#limiter.setCap(`run:${run}`, Number.POSITIVE_INFINITY)
    this.#settleShared(declared.workflow, declared.settings)
  }

  #settleShared(workflow: Workflow, settings: RunSettings): void {
    const runs = [...this.#runs.values()]
    for (const name of Object.keys(workflow.resources)) {
      const capacities = runs.map((run) => run.workflow.resources[name] ?? Number.POSITIVE_INFINITY)
      this.#limiter.setCap(`resource:${name}`, Math.min(...capacities, Number.POSITIVE_INFINITY))
    }
    for (const name of Object.keys(settings.limits ?? {})) {
      const flags = runs.flatMap((run) => run.settings.limits?.[name] ?? [])
      const [account = '', bucket = ''] = name.split('.')
      this.#limiter.setBucket(
        name,
        `account:${account}`,
        flags.length > 0 ? strictest(flags) : defaultOf(account, bucket),
      )
    }
  }
}

function strictest(limits: readonly RateLimit[]): RateLimit {
  const rate = (limit: RateLimit) => (limit === 'none' ? Number.POSITIVE_INFINITY : limit.max / limit.windowMs)
  return limits.reduce((tightest, limit) => (rate(limit) < rate(tightest) ? limit : tightest))
}

function defaultOf(account: string, bucket: string): RateLimit {
  const defaults: Readonly<Record<string, RateLimit | undefined>> = CODEGEN_LIMITS
  return (account === 'codegen' ? defaults[bucket] : undefined) ?? 'none'
}
