import { BUDGETS } from '../api/commands.ts'
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

/** `agentRuns=+20` and `duration=+1h` as numbers and ms. Throws UsageError with every mistake. */
export function parseRaises(texts: readonly string[]): Readonly<Record<string, number>> {
  const wrong: string[] = []
  const raises: Record<string, number> = {}
  for (const text of texts) {
    const [, name = '', amount = ''] = /^(\w+)=\+(\w+)$/.exec(text) ?? []
    const more = name === 'duration' ? parseDuration(amount) : /^\d{1,9}$/.test(amount) ? Number(amount) : undefined
    if (BUDGETS.some((known) => known === name) && more !== undefined && more > 0)
      raises[name] = (raises[name] ?? 0) + more
    else wrong.push(`--budget ${text}: write ${BUDGETS.slice(0, 2).join('=+N, ')}=+N or duration=+1h.`)
  }
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'))
  return raises
}
