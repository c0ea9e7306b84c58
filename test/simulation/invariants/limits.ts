import type { History, Step } from '../history.ts'
import type { Invariant } from './invariant.ts'

export const LIMITS: readonly Invariant[] = [
  { id: 'I6', says: 'in any window of the provider there are no more creations than the limit', check: creations },
  { id: 'I6', says: 'in any window of the provider there are no more calls than the limit', check: allCalls },
  { id: 'I6', says: 'the provider refuses no call for its rate', check: noneRefused },
]

const DOCUMENTED = { create: { max: 10, windowMs: 60_000 }, shared: { max: 60, windowMs: 60_000 } }

function creations(step: Step, history: History): string | undefined {
  return step.kind === 'arrived' && step.call === 'create' ? tooMany('create', step.at, history) : undefined
}

function allCalls(step: Step, history: History): string | undefined {
  return step.kind === 'arrived' ? tooMany('shared', step.at, history) : undefined
}

function tooMany(name: 'create' | 'shared', at: number, history: History): string | undefined {
  const limit = history.limits[name] ?? DOCUMENTED[name]
  if (limit === 'none' || history.wereAllEnded) return undefined
  let inWindow = 1
  const before = history.arrivals[name]
  for (let index = before.length - 1; index >= 0 && (before[index] ?? 0) > at - limit.windowMs; index--) inWindow++
  if (inWindow <= limit.max) return undefined
  return `call ${inWindow} of '${name}' within ${limit.windowMs} ms; ${limit.max} are allowed`
}

/** The stand-in's own windows; what it refuses for other reasons is worded otherwise. */
function noneRefused(step: Step, { wereAllEnded }: History): string | undefined {
  if (step.kind !== 'answered' || step.status !== 429 || wereAllEnded) return undefined
  return step.body.includes('Rate limit exceeded') ? `a ${step.call} was refused` : undefined
}
