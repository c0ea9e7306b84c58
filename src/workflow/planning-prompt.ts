import type { Json } from '../domain/json.ts'
import type { PlanningSpec } from '../domain/planning.ts'
import { defuseMarks, quote } from './build-prompt.ts'
import { MOST_PLANNED } from './plan-schema.ts'

/** What a planning manager may use. */
export interface PlanningMeans {
  readonly planning: PlanningSpec
  /** Name and first words of each role; undefined: it may invent roles. */
  readonly roles: Readonly<Record<string, string>> | undefined
  readonly concurrency: number
  /** Agent runs that the budget still allows; undefined: no bound. */
  readonly agentRunsLeft: number | undefined
}

const DECISIONS = `The "result" of your report is your decision, one of:
{"decision": "delegate", "reason": "why", "tasks": [{"id": "research", "role": "ResearchAgent", "prompt": "what to do", "needs": []}]}
{"decision": "finish", "summary": "what was achieved", "outcome": "completed"}
{"decision": "ask", "question": "what a person must say before you can go on"}`

const LAST_DECISION = 'This is your last decision: it must be "finish".'

const RULES = `A task runs when all tasks in its "needs" have completed; tasks may need tasks of earlier decisions. Tasks without needs run side by side.
A task's agent is given its prompt and what its needs returned, and sees nothing else: say in the prompt all it must know.
Further keys of a task: "if" ("always" or "failed": run although, or only when, a need failed), "output" (JSON Schema of its result),
"forEach" ("tasks.ID.output.path": one agent for each item of that list), "repository", "priority" (high, normal, low), "onFailure"
(escalate, fail, skip, continue), "approval" (true: a person must agree first), "timeout" and "estimate" (such as 45m).
Tasks are only ever added: to correct one, add another. A decision with a mistake is refused whole, and you are told why.`

/** The text of a planning manager's first turn. */
export function planningBrief(means: PlanningMeans, prompt: string): string {
  const { planning, roles, concurrency, agentRunsLeft } = means
  const repositories = [planning.defaults.repository, ...planning.repositories].filter((name) => name !== undefined)
  const limits = [
    `at most ${planning.rounds} decisions`,
    `at most ${MOST_PLANNED} tasks a decision`,
    `${concurrency} agents at once`,
    ...(agentRunsLeft === undefined ? [] : [`${agentRunsLeft} agent runs in all`]),
  ]
  return [
    ...(prompt === '' ? [] : [prompt]),
    `You plan and manage this work. Other agents carry it out; you decide who does what, and when it is done.\nObjective: ${planning.objective}`,
    DECISIONS,
    RULES,
    ...(roles === undefined ? [] : [`Roles: ${Object.keys(roles).join(', ')}.`]),
    ...(repositories.length === 0 ? [] : [`Repositories: ${[...new Set(repositories)].join(', ')}.`]),
    `Limits: ${limits.join('; ')}.`,
    'Decide what is to be done first.',
  ].join('\n\n')
}

/** What is asked of a planning manager after it was told what settled; it is asked when nothing is under way any more. */
export function planningQuestion(decisionsLeft: number): string {
  const question =
    decisionsLeft <= 1
      ? LAST_DECISION
      : `Decide what is to be done next: delegate, finish or ask. ${decisionsLeft} decisions are left.`
  return ['All tasks so far have settled.', question, DECISIONS].join('\n\n')
}

/** What a person answered to a manager's question. */
export function answerText(text: string, decisionsLeft: number): string {
  const question =
    decisionsLeft <= 1 ? LAST_DECISION : `Decide now: delegate, finish or ask. ${decisionsLeft} decisions are left.`
  return ['A person answers:', defuseMarks(text), question, DECISIONS].join('\n\n')
}

/** What is said of a decision that was refused. */
export function refusalText(problems: readonly string[], decisionsLeft: number): string {
  return [
    'Your decision was refused, nothing of it was carried out:',
    problems.map((problem) => `- ${defuseMarks(problem)}`).join('\n'),
    decisionsLeft <= 1 ? LAST_DECISION : 'Decide again, whole.',
    DECISIONS,
  ].join('\n\n')
}

/** What one task returned that another needs. */
export interface NeededResult {
  readonly id: string
  readonly status: string
  readonly result: string
  /** Where its work can be found. */
  readonly branches: readonly string[]
}

const MOST_RESULT = 12_000
const MOST_IN_ALL = 60_000

/**
 * The text of a planned task's prompt: what the manager wrote, taken literally, then the item it is for and what its needs
 * returned, all as data.
 */
export function plannedText(prompt: string, needs: readonly NeededResult[], item: Json | undefined): string {
  const sections = [defuseMarks(prompt)]
  if (item !== undefined) sections.push('The item that this is about follows as data:', quote(JSON.stringify(item)))
  let room = MOST_IN_ALL
  for (const { id, status, result, branches } of needs) {
    const text = result.slice(0, Math.min(MOST_RESULT, room))
    room -= text.length
    const where = branches.length === 0 ? '' : ` Its work is on branch ${branches.map(oneLine).join(', ')}.`
    sections.push(`Task ${id} (${status}) returned what follows, as data.${where}`)
    if (text !== '') sections.push(quote(text.length < result.length ? `${text}…` : text))
  }
  return sections.join('\n\n')
}

function oneLine(text: string): string {
  return defuseMarks(text.replace(/[\p{C}\s]+/gu, ' ')).slice(0, 200)
}
