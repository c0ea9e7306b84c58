import type { JsonObject } from '../../../domain/json.ts'

/** Whether a prompt asks for the decision of a manager that plans. */
export function asksForDecision(prompt: string): boolean {
  return prompt.includes('{"decision": "delegate"')
}

/**
 * What a planning manager decides in the last of its turns, given the prompts of all of them: it has the objective researched,
 * specified and planned, makes one mistake, has the plan carried out, asks a person, has it reviewed, and finishes.
 */
export function decideOn(prompts: readonly string[]): JsonObject {
  const last = prompts.at(-1) ?? ''
  if (last.includes('must be "finish"')) return FINISH
  const roles = rolesIn(prompts[0] ?? '')
  const decision = DECISIONS[stepOf(prompts)] ?? FINISH
  return decision === REVIEW && /^\s*no\b/im.test(answerIn(last)) ? FINISH : withRoles(decision, roles)
}

const BEGIN: JsonObject = {
  decision: 'delegate',
  reason: 'The work must be understood before it is done.',
  tasks: [
    {
      id: 'research',
      role: 'ResearchAgent',
      prompt: 'Find out what the objective requires, and what is there already.',
    },
    { id: 'spec', role: 'SpecArchitect', prompt: 'Write the specification.', needs: ['research'] },
    {
      id: 'plan',
      role: 'TaskPlanner',
      prompt: 'Break the specification down into tasks that can be done side by side.',
      needs: ['spec'],
      output: {
        type: 'object',
        required: ['tasks'],
        properties: { tasks: { type: 'array', maxItems: 20, items: { type: 'object' } } },
      },
    },
  ],
}
/** Needs a task that is not there: it is refused. */
const MISTAKEN: JsonObject = executionOf('planning')
const EXECUTE: JsonObject = executionOf('plan')
const ASK: JsonObject = {
  decision: 'ask',
  question: 'The tasks are done. Shall the changes be reviewed before the work ends?',
}
const REVIEW: JsonObject = {
  decision: 'delegate',
  reason: 'A person wishes a review.',
  tasks: [{ id: 'review', role: 'Reviewer', prompt: 'Review all changes together.', needs: ['spec', 'execute'] }],
}
const FINISH: JsonObject = { decision: 'finish', summary: 'The objective is achieved.', outcome: 'completed' }
const DECISIONS: readonly JsonObject[] = [BEGIN, MISTAKEN, EXECUTE, ASK, REVIEW, FINISH]

function executionOf(need: string): JsonObject {
  const work = 'Carry out this task of the plan, and open a pull request.'
  const execute = {
    id: 'execute',
    role: 'TaskExecutor',
    prompt: work,
    needs: [need],
    forEach: 'tasks.plan.output.tasks',
  }
  return { decision: 'delegate', reason: 'The tasks do not depend on each other.', tasks: [execute] }
}

/** A turn a step; where no decision was refused, the mistake was not noticed, and is not repeated. */
function stepOf(prompts: readonly string[]): number {
  let step = 0
  for (const prompt of prompts.slice(1)) {
    const refused = prompt.includes('Your decision was refused')
    step = step === 1 ? 2 : refused ? DECISIONS.length : step + 1
  }
  return step
}

function answerIn(prompt: string): string {
  return prompt.split('A person answers:')[1] ?? ''
}

function rolesIn(brief: string): readonly string[] | undefined {
  return /^Roles: (.*)\.$/m.exec(brief)?.[1]?.split(', ')
}

/** Where only certain roles are known, tasks of other roles have none. */
function withRoles(decision: JsonObject, roles: readonly string[] | undefined): JsonObject {
  const tasks = decision['tasks']
  if (roles === undefined || !Array.isArray(tasks)) return decision
  const known = tasks.map((task: JsonObject) => {
    const { role, ...rest } = task
    return typeof role === 'string' && !roles.includes(role) ? rest : task
  })
  return { ...decision, tasks: known }
}
