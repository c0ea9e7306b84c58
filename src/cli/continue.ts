import { BUDGET_KEYS, type BudgetKey, type BudgetRaise, plus, raiseExample } from '../domain/budget.ts'
import { UsageError } from '../domain/errors.ts'
import { parseDuration } from '../workflow/duration.ts'
import type { CliContext } from './context.ts'
import { tellRun } from './tell-run.ts'

/** Lets a paused run go on; `--budget` raises what is used up. Throws UsageError. */
export function continueCommand(
  context: CliContext,
  run: string,
  flags: { readonly dataDir?: string; readonly budget?: readonly string[] },
): Promise<number> {
  const budget = parseRaises(flags.budget ?? [])
  const raised = Object.keys(budget).length === 0 ? {} : { budget }
  return tellRun(context, run, { type: 'continue', ...raised }, flags)
}

/** `agentRuns=+20`, `duration=+1h` and `cost=+0.50` as numbers, ms and dollars. Throws UsageError with every mistake. */
export function parseRaises(texts: readonly string[]): BudgetRaise {
  const wrong: string[] = []
  const raises: { -readonly [K in BudgetKey]?: number } = {}
  for (const text of texts) {
    const [, name = '', amount = ''] = /^(\w+)=\+([\w.]+)$/.exec(text) ?? []
    const key = BUDGET_KEYS.find((known) => known === name)
    const more = key === undefined ? undefined : amountOf(key, amount)
    if (key !== undefined && more !== undefined && more > 0) raises[key] = plus(raises[key] ?? 0, more)
    else if (key !== undefined) wrong.push(`--budget ${text}: write ${raiseExample(key)}.`)
    else wrong.push(`--budget ${text}: write one of ${BUDGET_KEYS.map(raiseExample).join(', ')}.`)
  }
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'))
  return raises
}

function amountOf(key: BudgetKey, text: string): number | undefined {
  if (key === 'duration') return parseDuration(text)
  const isNumber = key === 'cost' ? /^\d{1,9}(\.\d{1,6})?$/.test(text) : /^\d{1,12}$/.test(text)
  return isNumber ? Number(text) : undefined
}
