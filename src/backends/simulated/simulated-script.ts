import type { AgentOrder } from '../../domain/backend.ts'
import { formatKey } from '../../domain/ids.ts'
import type { Json, JsonObject } from '../../domain/json.ts'
import { chance } from '../../domain/seed.ts'

const OUTCOMES = [
  'complete',
  'error',
  'paused',
  'timeout',
  'max-iterations',
  'out-of-tokens',
  'never',
  'cancelled',
] as const

/** How the first turn of a simulated agent ends. */
export type SimulatedOutcome = (typeof OUTCOMES)[number]

/** What a simulated agent does, settled when it is created. */
export interface SimulatedPlan {
  readonly durationMs: number
  readonly outcome: SimulatedOutcome
  /** What of the task's `simulate` is needed to answer for it later. */
  readonly answer: SimulatedAnswer
}

/** What a simulated agent says and leaves behind. */
export interface SimulatedAnswer {
  readonly result?: string
  readonly output?: Json
  readonly report?: 'failed' | 'none'
  readonly logs?: readonly string[]
  readonly pullRequests?: number
  /** What the agent run uses in all, US dollars and tokens; 0 where it is not scripted. */
  readonly cost?: number
  readonly tokens?: number
}

/** How long an agent works when neither `simulate` nor `estimate` says so. */
export const DEFAULT_DURATION_MS = 1_000

/** What an order asks of its agent. A field of `simulate` that makes no sense is left out. */
export function planAgent(order: AgentOrder, seed: number, speed: number, failureRate: number): SimulatedPlan {
  const simulate = order.simulate ?? {}
  const duration = amount(simulate['durationMs']) ?? order.estimateMs ?? DEFAULT_DURATION_MS
  return {
    durationMs: Math.max(0, Math.round(duration / speed)),
    outcome: outcomeOf(order, simulate, seed, failureRate),
    answer: readAnswer(simulate),
  }
}

/** The scripted answer in a task's `simulate` or in the ref that keeps it. */
export function readAnswer(json: JsonObject): SimulatedAnswer {
  const { result, output, report, logs, pullRequests } = json
  const count = amount(pullRequests)
  const cost = amount(json['cost'])
  const tokens = amount(json['tokens'])
  return {
    ...(typeof result === 'string' ? { result } : {}),
    ...(output === undefined ? {} : { output }),
    ...(report === 'failed' || report === 'none' ? { report } : {}),
    ...(isTexts(logs) ? { logs } : {}),
    ...(count === undefined ? {} : { pullRequests: Math.min(100, Math.floor(count)) }),
    ...(cost === undefined ? {} : { cost }),
    ...(tokens === undefined ? {} : { tokens }),
  }
}

export function readOutcome(value: Json | undefined): SimulatedOutcome | undefined {
  return OUTCOMES.find((outcome) => outcome === value)
}

function outcomeOf(order: AgentOrder, simulate: JsonObject, seed: number, failureRate: number): SimulatedOutcome {
  if (order.key.attempt <= (amount(simulate['failures']) ?? 0)) return 'error'
  const outcome = readOutcome(simulate['outcome']) ?? 'complete'
  const unlucky = outcome === 'complete' && failureRate > 0 && chance(seed, formatKey(order.key)) < failureRate
  return unlucky ? 'error' : outcome
}

function amount(value: Json | undefined): number | undefined {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined
}

function isTexts(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
