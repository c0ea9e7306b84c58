import type { Workflow } from '../domain/workflow.ts'
import { DEFAULT_BACKEND, reportsUse } from './backend-names.ts'
import type { ProblemList } from './problems.ts'
import type { WorkflowDraft } from './shape.ts'

const KEYS = ['cost', 'tokens'] as const
/** How many of those that use a backend are named. */
const NAMED = 5

/** Refuses a budget of dollars or tokens where an agent's backend does not report them. */
export function checkUsageBudget(draft: WorkflowDraft, problems: ProblemList): void {
  const { budget, tasks, manager, hasManager, defaults } = draft
  const used = tasks.flatMap(({ id, given, broken }): [string, string | undefined][] =>
    broken === true || broken.has('backend') ? [] : [[id, given.backend ?? defaults.backend]],
  )
  if (hasManager && !draft.brokenManager.has('backend')) used.push(['manager', manager.backend ?? defaults.backend])
  // A manager that plans gives its tasks what tasks have unless they say otherwise.
  if (hasManager && manager.plan === true) used.push(['the tasks it plans', defaults.backend])
  for (const key of KEYS) {
    const silent = silentBackends(used, key)
    if (budget[key] !== undefined && silent !== undefined) problems.add(['budget', key], refusalOf(silent), 'key')
  }
}

/** Why a workflow whose agents were moved to other backends cannot keep its budget; undefined: it can. */
export function usageRefusal({ budget, tasks, manager }: Workflow): string | undefined {
  const used = tasks.map(({ id, backend }): [string, string] => [id, backend])
  if (manager !== undefined) used.push(['manager', manager.backend])
  if (manager?.planning !== undefined) used.push(['the tasks it plans', manager.planning.defaults.backend])
  for (const key of KEYS) {
    const silent = budget[key] === undefined ? undefined : silentBackends(used, key)
    if (silent !== undefined) return `budget.${key}: ${refusalOf(silent)}`
  }
  return undefined
}

/** Who uses each backend that reports nothing, by its name. */
function silentBackends(
  used: readonly (readonly [string, string | undefined])[],
  key: (typeof KEYS)[number],
): string | undefined {
  const users = new Map<string, string[]>()
  for (const [who, backend = DEFAULT_BACKEND] of used) {
    if (!reportsUse(backend, key)) note(users, backend, who)
  }
  if (users.size === 0) return undefined
  return [...users].map(([backend, names]) => `'${backend}' (used by ${listed(names)})`).join(' and ')
}

function listed(names: readonly string[]): string {
  const rest = names.length - NAMED
  return `${names.slice(0, NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

function refusalOf(silent: string): string {
  return `needs backends that report what an agent uses, and ${silent} does not; leave it out, or limit agentRuns or duration`
}

function note(users: Map<string, string[]>, backend: string, who: string): void {
  const known = users.get(backend)
  if (known === undefined) users.set(backend, [who])
  else known.push(who)
}
