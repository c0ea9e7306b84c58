/** What a run may be bounded by: numbers of agent runs and of the manager's turns, ms, US dollars, tokens. */
export const BUDGET_KEYS = ['agentRuns', 'managerTurns', 'duration', 'cost', 'tokens'] as const
export type BudgetKey = (typeof BUDGET_KEYS)[number]

/** By how much each is raised. */
export type BudgetRaise = { readonly [K in BudgetKey]?: number }

/** What an agent run has used since it began, as its backend reports it: US dollars, tokens. */
export interface Usage {
  readonly cost?: number
  readonly tokens?: number
}

/** How much of one part of a budget is used. */
export interface BudgetUse {
  readonly used: number
  /** Of `duration`: it has grown since then, ISO; absent while it stands still. */
  readonly since?: string
  /** Set aside for agents at work, beyond what they have used. */
  readonly reserved?: number
  /** Absent where nothing bounds it. */
  readonly allowed?: number
}

/** The budget of a run; what no backend of it reports and nothing bounds is absent. */
export type BudgetView = { readonly [K in BudgetKey]?: BudgetUse }

/** No report of more is believed. */
const MOST = 1e12
/** Dollars are kept to the millionth, so that sums of them stay what they look like. */
const PARTS = 1e6

/** What each part is counted in. */
export const BUDGET_WORDS: Readonly<Record<BudgetKey, string>> = {
  agentRuns: 'agent runs',
  managerTurns: 'manager turns',
  duration: 'minutes',
  cost: 'dollars',
  tokens: 'tokens',
}

const EXAMPLES: Readonly<Record<BudgetKey, string>> = {
  agentRuns: 'agentRuns=+10',
  managerTurns: 'managerTurns=+5',
  duration: 'duration=+1h',
  cost: 'cost=+5',
  tokens: 'tokens=+100000',
}

/** What a workflow allows of each part; nothing where it does not say. */
export function allowanceOf(budget: {
  readonly agentRuns?: number
  readonly durationMs?: number
  readonly managerTurns?: number
  readonly cost?: number
  readonly tokens?: number
}): { readonly [K in BudgetKey]?: number } {
  const { durationMs, ...rest } = budget
  return durationMs === undefined ? rest : { ...rest, duration: durationMs }
}

/** `40 agent runs`, `90 minutes`: an amount of a budget (duration: ms) for people. */
export function budgetAmount(key: BudgetKey, amount: number): string {
  return `${key === 'duration' ? Math.round(amount / 60_000) : amount} ${BUDGET_WORDS[key]}`
}

/** Why a run is paused for its budget; {@link usedUpKey} reads it. */
export function usedUp(key: BudgetKey, allowed: number, detail?: string): string {
  return `The budget of ${budgetAmount(key, allowed)} is used up${detail === undefined ? '' : `: ${detail}`}`
}

/** Which part of the budget a pause's reason names. */
export function usedUpKey(reason: string | undefined): BudgetKey | undefined {
  const [, words] = /^The budget of [\d.e+]+ ([a-z ]+?) is used up/.exec(reason ?? '') ?? []
  return BUDGET_KEYS.find((key) => BUDGET_WORDS[key] === words)
}

/** What a person may raise it by, as they type it. */
export function raiseExample(key: BudgetKey = 'agentRuns'): string {
  return EXAMPLES[key]
}

/** A sum of dollars or tokens without the dust of its last digits. */
export function plus(a: number, b: number): number {
  return Math.round((a + b) * PARTS) / PARTS
}

/** What a backend reports, as far as it makes sense; undefined where that is nothing. */
export function cleanUsage(reported: Usage | undefined): Usage | undefined {
  const cost = amount(reported?.cost)
  const tokens = amount(reported?.tokens)
  if (cost === 0 && tokens === 0) return undefined
  return { ...(cost === 0 ? {} : { cost }), ...(tokens === 0 ? {} : { tokens: Math.ceil(tokens) }) }
}

function amount(value: number | undefined): number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? Math.min(value, MOST) : 0
}
