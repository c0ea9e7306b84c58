import type { Limiter } from '../../domain/limiter.ts'
import type { RateLimit } from '../../domain/workflow.ts'

/** Windows of an account's buckets, by the part of the name after `ACCOUNT.`. */
export type CodegenLimits = Readonly<Record<string, RateLimit>>

/** What the provider documents; where it contradicts itself, the stricter. */
export const CODEGEN_LIMITS = {
  create: { max: 10, windowMs: 60_000 },
  standard: { max: 60, windowMs: 30_000 },
  shared: { max: 60, windowMs: 60_000 },
  setup: { max: 5, windowMs: 60_000 },
  analyze: { max: 5, windowMs: 60_000 },
  'webhook-test': { max: 10, windowMs: 60_000 },
} as const satisfies CodegenLimits

/** What a call counts as besides `shared`, which all share. */
export type CodegenBucket = keyof typeof CODEGEN_LIMITS

/** Places of `shared` left to lookups, polls and logs however many creates wait. */
const SHARED_HEADROOM = 12

/** Declares the windows of an account's buckets: the provider's, where `overrides` has no other. */
export function declareCodegenLimits(limiter: Limiter, account = 'codegen', overrides: CodegenLimits = {}): void {
  for (const [bucket, limit] of Object.entries({ ...CODEGEN_LIMITS, ...overrides })) {
    limiter.setBucket(`${account}.${bucket}`, `account:${account}`, limit)
  }
  limiter.setHeadroom(`${account}.shared`, SHARED_HEADROOM)
}
