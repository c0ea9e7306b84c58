import {
  allowanceOf,
  BUDGET_KEYS,
  type BudgetRaise,
  plus,
  raiseExample,
  type Usage,
  usedUp,
  usedUpKey,
} from './domain/budget.ts'
import type { Clock } from './domain/clock.ts'
import { UsageError } from './domain/errors.ts'
import { MANAGER } from './domain/ids.ts'
import type { TaskSpec } from './domain/workflow.ts'
import { activeMs, allowedOf, reservedOf, turnsUsed } from './host/budget-facts.ts'
import type { RunHost } from './host/run-host.ts'

/** What tasks of one role used in all, and how many of them. */
interface RoleUse {
  readonly sum: { cost: number; tokens: number }
  count: number
}

/** A place in the budget that was granted, and that no record tells of yet. */
interface Grant {
  /** The number of its actor's last record when it was granted: with the next one the records tell. */
  readonly n: number | undefined
  readonly expected: Usage
}

const USAGE = ['cost', 'tokens'] as const
const NOTHING: Usage = {}

/** Gives out what a run's budget allows, before it is used (I10). What is used, and set aside for agents at work, the records tell. */
export class RunBudget {
  readonly #host: () => RunHost
  readonly #clock: Clock
  readonly #spec: (task: string) => TaskSpec
  /** By task: several may be granted at one instant. */
  readonly #granted = new Map<string, Grant>()
  readonly #roles = new Map<string, RoleUse>()
  #learnedUpTo = 0
  /** For what there was no room last. */
  #wanted: Usage = NOTHING

  constructor(host: () => RunHost, clock: Clock, spec: (task: string) => TaskSpec) {
    this.#host = host
    this.#clock = clock
    this.#spec = spec
  }

  /** Sets one agent run aside for the attempt, and what it is thought to use; else says why there is no room for it. */
  reserve(task: string, attempt: number): string | Usage | undefined {
    const actor = this.#host().projection.live.get(task)
    this.#granted.delete(task)
    // A put-back create of the same attempt was counted before.
    if (actor?.counted === attempt) return undefined
    const turns = task === MANAGER && this.#host().plans ? turnsLeft(this.#host()) : true
    if (turns !== true) return usedUp('managerTurns', turns.allowed)
    const expected = this.#expected(task)
    const over = this.#over(expected, task)
    this.#wanted = over === undefined ? NOTHING : expected
    if (over !== undefined) return over
    this.#granted.set(task, { n: actor?.host.n, expected })
    return expected === NOTHING ? undefined : expected
  }

  /** Throws UsageError when the run would be paused again at once, or when only parts are raised that nothing bounds. */
  refuseVain(raise: BudgetRaise | undefined): void {
    if (raise !== undefined) this.#refuseUnbounded(raise)
    const { reason } = this.#host()
    if (raise !== undefined || reason?.kind !== 'budget') return
    const key = usedUpKey(reason.message)
    // Agents that have ended meanwhile may have given back what was set aside for them.
    if (key !== 'managerTurns' && this.#over(this.#wanted, undefined) === undefined) return
    throw new UsageError(`${reason.message}; raise it, as in --budget ${raiseExample(key)}.`)
  }

  #refuseUnbounded(raise: BudgetRaise): void {
    const allowed = allowanceOf(this.#host().workflow.budget)
    const names = BUDGET_KEYS.filter((key) => raise[key] !== undefined)
    if (names.length === 0 || names.some((key) => allowed[key] !== undefined)) return
    const known = BUDGET_KEYS.filter((key) => allowed[key] !== undefined).join(', ')
    const has = known === '' ? 'it has no budget' : `its budget has ${known}`
    throw new UsageError(`Nothing bounds ${names.join(' and ')} of this run: ${has}.`)
  }

  #over(expected: Usage, task: string | undefined): string | undefined {
    const { projection, workflow } = this.#host()
    const { budget } = projection
    const { agentRuns, duration, ...given } = allowanceOf(workflow.budget)
    const runs = allowedOf(budget, 'agentRuns', agentRuns)
    const grants = this.#grants()
    if (runs !== undefined && budget.agentRuns + grants.length >= runs) return usedUp('agentRuns', runs)
    const ms = allowedOf(budget, 'duration', duration)
    const active = activeMs(budget, projection.startedAt, this.#clock.now())
    if (ms !== undefined && active > ms) return usedUp('duration', ms)
    for (const key of USAGE) {
      const allowed = allowedOf(budget, key, given[key])
      if (allowed === undefined) continue
      const reserved = grants.reduce((sum, grant) => plus(sum, grant[key] ?? 0), reservedOf(budget, key))
      const taken = plus(budget[key], reserved)
      const wanted = expected[key] ?? 0
      if (taken < allowed && plus(taken, wanted) <= allowed) continue
      return usedUp(key, allowed, detailOf(budget[key], reserved, wanted, task))
    }
    return undefined
  }

  /** What was granted and is in no record yet. */
  #grants(): readonly Usage[] {
    const { live } = this.#host().projection
    for (const [task, { n }] of this.#granted) if (live.get(task)?.host.n !== n) this.#granted.delete(task)
    return [...this.#granted.values()].map(({ expected }) => expected)
  }

  /** What the agent run is thought to use: its estimate, else the mean of the finished tasks of its role, else nothing. */
  #expected(task: string): Usage {
    const { budget } = this.#host().workflow
    if (task === MANAGER || (budget.cost === undefined && budget.tokens === undefined)) return NOTHING
    const spec = this.#spec(task)
    this.#learn()
    const role = this.#roles.get(roleOf(spec))
    const cost = budget.cost === undefined ? 0 : (spec.estimateCost ?? meanOf(role, 'cost'))
    const tokens = budget.tokens === undefined ? 0 : Math.ceil(meanOf(role, 'tokens'))
    if (cost === 0 && tokens === 0) return NOTHING
    return { ...(cost === 0 ? {} : { cost }), ...(tokens === 0 ? {} : { tokens }) }
  }

  /** Looks at what has settled since it last did. */
  #learn(): void {
    for (const [id, { seq, status, usage, ms }] of this.#host().projection.settledAfter(this.#learnedUpTo)) {
      this.#learnedUpTo = seq
      // What a person completed tells nothing of what agents use.
      if (status !== 'completed' || ms === undefined) continue
      const role = roleOf(this.#spec(id))
      const use = this.#roles.get(role) ?? { sum: { cost: 0, tokens: 0 }, count: 0 }
      this.#roles.set(role, use)
      for (const key of USAGE) use.sum[key] += usage?.[key] ?? 0
      use.count++
    }
  }
}

/** Whether the manager may be sent another turn; else how many were allowed. */
export function turnsLeft({ projection, workflow }: RunHost): true | { readonly allowed: number } {
  const allowed = allowedOf(projection.budget, 'managerTurns', workflow.budget.managerTurns)
  return allowed === undefined || turnsUsed(projection.budget) < allowed || { allowed }
}

function meanOf(use: RoleUse | undefined, key: keyof Usage): number {
  return use === undefined ? 0 : plus(use.sum[key] / use.count, 0)
}

/** Tasks without a role are each of their own kind; the items of one are of one kind. */
function roleOf({ role, id }: TaskSpec): string {
  return role === undefined ? `task ${id}` : `role ${role}`
}

function detailOf(used: number, reserved: number, wanted: number, task: string | undefined): string {
  const parts = [`${used} used`]
  if (reserved > 0) parts.push(`${reserved} set aside for agents at work`)
  if (wanted > 0) parts.push(`${wanted} expected of ${task ?? 'the next'}`)
  return parts.join(', ')
}
