import type { BudgetKey, BudgetUse, BudgetView } from '../domain/budget.ts'
import type { ReportedView, TaskView } from '../domain/views.ts'
import { escapeLine, formatElapsed } from './terminal-text.ts'

/** How many metrics of reports are named. */
const METRICS = 8

const WORDS: Readonly<Record<BudgetKey, (amount: number, bound?: string) => string>> = {
  agentRuns: (amount, bound) => counted(amount, 'agent run', bound),
  managerTurns: (amount, bound) => counted(amount, 'manager turn', bound),
  duration: (amount, bound) => `${formatElapsed(amount)}${bound ?? ''}`,
  cost: (amount, bound) => `${dollars(amount)}${bound ?? ''}`,
  tokens: (amount, bound) => counted(amount, 'token', bound),
}

/** One line: what is used of what a run's budget allows; nothing for a run without one that nobody was paid for. */
export function budgetLines(budget: BudgetView | undefined, now: number): readonly string[] {
  if (budget === undefined) return []
  const entries = Object.entries(budget) as [BudgetKey, BudgetUse][]
  // How long it lasts is said where it has no bound.
  const told = entries.filter(
    ([key, { allowed }]) => allowed !== undefined || (key !== 'duration' && key !== 'agentRuns'),
  )
  return told.length === 0 ? [] : [`Used: ${told.map(([key, use]) => useOf(key, use, now)).join(', ')}`]
}

/** What was made for one task, for how long and for how much; undefined where that is nothing. */
export function useText({ agentRuns, ranMs = 0, ranSince, cost, tokens }: TaskView, now: number): string | undefined {
  if (agentRuns === undefined) return undefined
  const parts = [WORDS.agentRuns(agentRuns), formatElapsed(ranMs + grownBy(ranSince, now))]
  if (cost !== undefined) parts.push(WORDS.cost(cost))
  if (tokens !== undefined) parts.push(WORDS.tokens(tokens))
  return parts.join(', ')
}

/** What the reports of a run's tasks claim together, on one line. */
export function reportedLines(reported: ReportedView | undefined): readonly string[] {
  if (reported === undefined) return []
  const { filesModified, testsPassed, metrics, pullRequests } = reported
  const parts: string[] = []
  if (filesModified > 0) parts.push(`${counted(filesModified, 'file')} modified`)
  if (pullRequests.length > 0) parts.push(counted(pullRequests.length, 'pull request'))
  if (testsPassed.tasks + testsPassed.failed > 0) parts.push(testsText(testsPassed))
  const names = Object.keys(metrics)
  for (const name of names.slice(0, METRICS)) parts.push(`${name} ${roughly(metrics[name] ?? 0)}`)
  if (names.length > METRICS) parts.push(`${names.length - METRICS} more metrics`)
  return parts.length === 0 ? [] : [escapeLine(`Reported: ${parts.join(', ')}`)]
}

function useOf(key: BudgetKey, { used, since, reserved, allowed }: BudgetUse, now: number): string {
  const bound = allowed === undefined ? '' : ` of ${key === 'cost' ? dollars(allowed) : boundOf(key, allowed)}`
  const aside = reserved === undefined ? '' : ` (${WORDS[key](reserved)} set aside)`
  return `${WORDS[key](used + grownBy(since, now), bound)}${aside}`
}

function grownBy(since: string | undefined, now: number): number {
  return since === undefined ? 0 : Math.max(0, now - Date.parse(since))
}

function boundOf(key: BudgetKey, allowed: number): string {
  return key === 'duration' ? formatElapsed(allowed) : grouped(allowed)
}

function testsText({ tasks, failed, tests }: ReportedView['testsPassed']): string {
  const count = tests > 0 ? ` (${grouped(tests)} tests)` : ''
  return `tests passed in ${tasks} of ${counted(tasks + failed, 'task')}${count}`
}

const counted = (amount: number, word: string, bound = '') =>
  `${grouped(amount)}${bound} ${word}${amount === 1 && bound === '' ? '' : 's'}`
const dollars = (amount: number) => `$${amount < 0.01 && amount > 0 ? amount.toFixed(6) : amount.toFixed(2)}`
const grouped = (amount: number) => amount.toLocaleString('en-US')
const roughly = (amount: number) => grouped(Math.round(amount * 100) / 100)
