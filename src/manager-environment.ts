import type { News } from './actors/run-context.ts'
import type { AgentOrder, Failure } from './domain/backend.ts'
import { usedUp } from './domain/budget.ts'
import type { AttemptKey } from './domain/ids.ts'
import { MANAGER } from './domain/ids.ts'
import type { Json, JsonObject } from './domain/json.ts'
import type { ManagerSpec } from './domain/workflow.ts'
import { allowedOf, TURNS_USED_UP } from './host/budget-facts.ts'
import type { RunHost } from './host/run-host.ts'
import type { DecisionOutput } from './machines/effects.ts'
import type { ManagerContext } from './machines/manager-context.ts'
import { turnsLeft } from './run-budget.ts'
import { settledText } from './turn-texts.ts'
import { buildPrompt, defuseMarks, quote } from './workflow/build-prompt.ts'
import { checkDecision } from './workflow/check-plan.ts'
import { planningBrief } from './workflow/planning-prompt.ts'
import { renderTemplate } from './workflow/template.ts'

/** What the manager's effects are given of its run. */
export class ManagerEnvironment {
  readonly #host: () => RunHost
  readonly #inputs: JsonObject

  constructor(host: () => RunHost, inputs: JsonObject) {
    this.#host = host
    this.#inputs = inputs
  }

  /** What settled since the manager was last told; one that plans is told when nothing is under way any more. */
  news(toldUpTo: number, due: boolean): News {
    const host = this.#host()
    const { projection, finishing } = host
    if (host.plans) return this.#planningNews(host, due)
    const newest = projection.settledAfter(toldUpTo).at(-1)?.[1].seq
    return { upTo: newest ?? toldUpTo, changed: newest !== undefined && this.#mayTell(), final: finishing }
  }

  /** It is told when nothing is under way any more, or what it decided could not be carried out; while the run is paused, nothing. */
  #planningNews(host: RunHost, due: boolean): News {
    const nothing = { upTo: host.projection.seq, changed: false, final: host.finishing }
    const isThere = due || (host.progress.isWhole && host.progress.graph.allSettled)
    if (!isThere || host.status !== 'running') return nothing
    const left = turnsLeft(host)
    // Without its decisions nothing goes on.
    return left === true ? { ...nothing, changed: true } : { ...nothing, held: usedUp('managerTurns', left.allowed) }
  }

  checkDecision(result: Json, lastRound: boolean): DecisionOutput {
    const { workflow } = this.#host()
    const planning = workflow.manager?.planning
    if (planning === undefined) return { kind: 'refused', problems: ['this manager does not plan'] }
    const tasks = new Map(workflow.tasks.map((task) => [task.id, task]))
    const roles = this.#roles()
    return checkDecision(result, {
      planning,
      tasks,
      roles: roles === undefined ? undefined : Object.keys(roles),
      agentRunsLeft: this.#agentRunsLeft(),
      lastRound,
    })
  }

  async order(key: AttemptKey, failure: Failure | undefined): Promise<AgentOrder> {
    const spec = this.#host().workflow.manager
    return {
      key,
      prompt: buildPrompt({
        key,
        turn: 1,
        roleLine: '',
        text: spec?.planning === undefined ? this.#brief(spec) : this.#planningBrief(spec),
        ...(failure === undefined ? {} : { failure }),
        ...(spec?.simulate === undefined ? {} : { simulate: spec.simulate }),
      }),
      ...(spec?.repository === undefined ? {} : { repository: spec.repository }),
      ...(spec?.model === undefined ? {} : { model: spec.model }),
      ...(spec?.simulate === undefined ? {} : { simulate: spec.simulate }),
    }
  }

  #brief(spec: ManagerSpec | undefined): string {
    const tasks = this.#host()
      .workflow.tasks.slice(0, 100)
      .map(({ id, role }) => (role === undefined ? id : `${id} (${role})`))
    return [
      this.#render(spec?.prompt ?? ''),
      `The tasks of this run: ${tasks.join(', ')}. You will be told what they return.`,
    ].join('\n\n')
  }

  #planningBrief(spec: ManagerSpec): string {
    const host = this.#host()
    const { planning } = spec
    if (planning === undefined) return this.#brief(spec)
    const means = {
      planning: { ...planning, objective: this.#render(planning.objective) },
      roles: this.#roles(),
      concurrency: host.workflow.concurrency,
      agentRunsLeft: this.#agentRunsLeft(),
    }
    const brief = [planningBrief(means, this.#render(spec.prompt)), ...this.#answered(host)].join('\n\n')
    if (host.workflow.tasks.length === 0) return brief
    // A manager that follows another, or that plans beside tasks of the file.
    const open = host.workflow.tasks.filter(({ id }) => !host.progress.graph.isSettled(id)).map(({ id }) => id)
    const there = [`There are tasks already. Not settled yet: ${open.slice(0, 200).join(', ') || 'none'}.`]
    return [brief, ...there, ...settledText(host, 0, host.projection.seq)].join('\n\n')
  }

  /** What people answered to the agent runs before. */
  #answered(host: RunHost): readonly string[] {
    const answers = host.actors.context(MANAGER)?.['answers'] as unknown as ManagerContext['answers']
    return (answers ?? []).map(
      ({ asked, said }) => `A person was asked, and has answered:\n${quote(asked)}\n${defuseMarks(said)}`,
    )
  }

  #render(template: string): string {
    return renderTemplate(template, { inputs: this.#inputs, tasks: {} })
  }

  /** The roles that were declared; undefined where none were. */
  #roles(): Readonly<Record<string, string>> | undefined {
    const { default: _, ...roles } = this.#host().workflow.roles
    return Object.keys(roles).length === 0 ? undefined : roles
  }

  #agentRunsLeft(): number | undefined {
    const { workflow, projection } = this.#host()
    const { agentRuns } = workflow.budget
    const allowed = allowedOf(projection.budget, 'agentRuns', agentRuns)
    return allowed === undefined ? undefined : allowed - projection.budget.agentRuns
  }

  /** A manager whose turns are used up is told no more, which is said once. */
  #mayTell(): boolean {
    const host = this.#host()
    const left = turnsLeft(host)
    if (left === true) return true
    const message = `${usedUp('managerTurns', left.allowed)}: the manager is told no more`
    if (host.projection.budget.turnsSaid !== true) host.alert(TURNS_USED_UP, message, MANAGER)
    return false
  }
}
