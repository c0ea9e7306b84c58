import type { Workflow } from '../../src/domain/workflow.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import type { SimulateDefinition, TaskDefinition, WorkflowDefinition } from '../../src/workflow/schema.ts'
import { Dice } from './dice.ts'
import { randomPlan } from './random-plan.ts'

const NAMES = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus']
const ON_FAILURE = ['escalate', 'escalate', 'fail', 'skip', 'continue'] as const
const PRIORITIES = ['high', 'normal', 'low'] as const

/** A small workflow of a seed: every shape that a graph has, and agents that end in every way. */
export function randomWorkflow(dice: Dice, name: string, maySimulate: boolean, plans?: Dice): Workflow {
  const tasks: Record<string, TaskDefinition> = {}
  const lists: string[] = []
  const count = dice.whole(1, 5)
  for (let at = 0; at < count; at++) {
    const id = NAMES[at] ?? 'gus'
    tasks[id] = randomTask(dice, Object.keys(tasks), lists)
    if (tasks[id].output !== undefined && tasks[id].forEach === undefined) lists.push(id)
  }
  const definition: WorkflowDefinition = {
    name,
    concurrency: dice.happens(0.3) ? dice.whole(1, 2) : 8,
    defaults: { repository: 'acme/shop' },
    tasks: maySimulate ? simulateSome(new Dice(dice.whole(1, 1_000_000), 'simulated'), tasks) : tasks,
    ...(dice.happens(0.4) ? { manager: randomManager(dice) } : {}),
    ...(plans === undefined ? {} : { manager: randomPlan(plans) }),
    ...(dice.happens(0.25) ? { budget: randomBudget(dice) } : {}),
    ...(Object.values(tasks).some(({ uses }) => uses !== undefined) ? { resources: { desk: dice.whole(1, 2) } } : {}),
  }
  return defineWorkflow(definition)
}

/** Some of the agents work in our own process: it can stop them, and knows at once how they end. */
function simulateSome(
  dice: Dice,
  tasks: Readonly<Record<string, TaskDefinition>>,
): NonNullable<WorkflowDefinition['tasks']> {
  return Object.fromEntries(
    Object.entries(tasks).map(([id, task]) => [id, dice.happens(0.3) ? { ...task, backend: 'simulated' } : task]),
  )
}

function randomTask(dice: Dice, before: readonly string[], lists: readonly string[]): TaskDefinition {
  const needs = before.filter(() => dice.happens(0.45))
  const list = dice.happens(0.6) ? lists.find((id) => needs.includes(id)) : undefined
  const task: TaskDefinition = {
    prompt: list === undefined ? 'Do your part.' : 'Do {{ item }}.',
    needs,
    ...(list === undefined ? {} : { forEach: `tasks.${list}.output.list` }),
    ...condition(dice, needs),
    ...(list === undefined && dice.happens(0.3) ? listMaker(dice) : { simulate: randomScript(dice) }),
    onFailure: dice.pick(ON_FAILURE),
    priority: dice.pick(PRIORITIES),
    retry: {
      attempts: dice.whole(1, 3),
      delay: dice.pick(['0ms', '500ms', '2s']),
      onTimeout: dice.happens(0.3),
    },
    timeout: dice.pick(['10s', '10s', '20s', '1m', '5m']),
    stuckAfter: dice.pick(['5s', '1m', '15m']),
    ...(dice.happens(0.2) ? { uses: ['desk'] } : {}),
  }
  return task
}

function condition(dice: Dice, needs: readonly string[]): Pick<TaskDefinition, 'if'> {
  const [first] = needs
  if (first === undefined || dice.happens(0.7)) return {}
  return { if: dice.pick(['always', 'failed', `tasks.${first}.status == "completed"`, `tasks.${first}.failed == 0`]) }
}

/** A task whose output holds a list for a forEach. */
function listMaker(dice: Dice): Pick<TaskDefinition, 'output' | 'simulate'> {
  const list = Array.from({ length: dice.whole(0, 3) }, (_, at) => `part ${at}`)
  const isWrong = dice.happens(0.1)
  return {
    output: { type: 'object', required: ['list'], properties: { list: { type: 'array' } } },
    simulate: { ...randomScript(dice), result: 'Listed.', output: isWrong ? { list: 'none' } : { list } },
  }
}

function randomScript(dice: Dice): SimulateDefinition {
  const ending = dice.roll()
  const outcome =
    ending < 0.7
      ? undefined
      : dice.pick(['error', 'paused', 'timeout', 'max-iterations', 'out-of-tokens', 'never'] as const)
  return {
    duration: dice.pick(['0ms', '1s', '3s', '6s', '12s', '30s']),
    ...(dice.happens(0.05) ? { result: `Long: ${'x'.repeat(20_000)}` } : {}),
    ...(outcome === undefined ? {} : { outcome }),
    ...(dice.happens(0.2) ? { failures: dice.whole(1, 2) } : {}),
    ...(dice.happens(0.15) ? { report: dice.pick(['failed', 'none'] as const) } : {}),
  }
}

function randomManager(dice: Dice): NonNullable<WorkflowDefinition['manager']> {
  return {
    prompt: 'Watch them.',
    timeout: dice.pick(['10s', '20s', '40s']),
    reportEvery: dice.pick(['1s', '5s', '20s']),
    simulate: dice.happens(0.8) ? { duration: dice.pick(['0ms', '1s', '4s']), result: 'Noted.' } : randomScript(dice),
  }
}

function randomBudget(dice: Dice): NonNullable<WorkflowDefinition['budget']> {
  return dice.pick<NonNullable<WorkflowDefinition['budget']>>([
    { agentRuns: dice.whole(1, 5) },
    { duration: dice.pick(['10s', '30s']) },
    { managerTurns: 1 },
  ])
}
