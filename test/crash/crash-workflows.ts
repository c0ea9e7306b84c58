/** Small workflows of agents that last moments, so that a thousand kills take minutes. */
import type { WorkflowDefinition } from '../../src/workflow/schema.ts'

/** A workflow and what a whole run of it leaves. */
export interface CrashWorkflow {
  readonly name: string
  readonly definition: WorkflowDefinition
  /** Every agent, `manager` included. */
  readonly agents: readonly string[]
  /** The result of each task that says one. */
  readonly results: Readonly<Record<string, string>>
  readonly hasManager: boolean
  readonly hasLargeResults: boolean
  /** Divides how long agents last that have no script. */
  readonly speed?: number
  /** What else the command line is told. */
  readonly flags?: readonly string[]
  /** Of a manager that plans: its decisions in their order, each taken once. */
  readonly decisions?: readonly string[]
}

const DEFAULTS = { repository: 'acme/shop', retry: { attempts: 3, delay: '100ms' } }
const LIST = {
  type: 'object',
  required: ['tasks'],
  properties: { tasks: { type: 'array', items: { type: 'string' } } },
}
/** Longer than what a record holds, so it lies in a file; every place in it is different, so that a torn one shows. */
const LARGE = Array.from({ length: 4_000 }, (_, line) => `Line ${line} of a long report.`).join('\n')

const feature: CrashWorkflow = {
  name: 'feature',
  definition: {
    name: 'feature',
    defaults: DEFAULTS,
    manager: { prompt: 'Orchestrate', reportEvery: '200ms', simulate: { duration: '100ms', result: 'Noted.' } },
    tasks: {
      research: { role: 'ResearchAgent', prompt: 'Research', simulate: { duration: '400ms', result: 'Found.' } },
      plan: {
        role: 'TaskPlanner',
        needs: ['research'],
        prompt: 'Plan by {{ tasks.research.result }}',
        output: LIST,
        simulate: { duration: '300ms', result: 'Four.', output: { tasks: ['a', 'b', 'c', 'd'] } },
      },
      execute: {
        needs: ['plan'],
        forEach: 'tasks.plan.output.tasks',
        prompt: 'Do {{ item }}',
        simulate: { duration: '500ms', result: 'Done.' },
      },
      review: {
        needs: ['execute'],
        prompt: 'Review {{ tasks.execute.results }}',
        simulate: { duration: '300ms', result: 'Good.' },
      },
    },
  },
  agents: ['research', 'plan', 'execute[0]', 'execute[1]', 'execute[2]', 'execute[3]', 'review', 'manager'],
  results: { research: 'Found.', 'execute[2]': 'Done.', review: 'Good.' },
  hasManager: true,
  hasLargeResults: false,
}

const SIDES = ['north', 'east', 'south', 'west', 'up', 'down', 'in', 'out']
const parallel: CrashWorkflow = {
  name: 'parallel',
  definition: {
    name: 'parallel',
    defaults: DEFAULTS,
    concurrency: 4,
    tasks: {
      ...Object.fromEntries(
        SIDES.map((side, at) => [
          side,
          { prompt: `Look ${side}`, simulate: { duration: `${300 + 100 * at}ms`, result: `Seen ${side}.` } },
        ]),
      ),
      map: {
        needs: SIDES,
        prompt: 'Draw {{ tasks.north.result }}',
        simulate: { duration: '300ms', result: 'Drawn.' },
      },
    },
  },
  agents: [...SIDES, 'map'],
  results: { ...Object.fromEntries(SIDES.map((side) => [side, `Seen ${side}.`])), map: 'Drawn.' },
  hasManager: false,
  hasLargeResults: false,
}

const large: CrashWorkflow = {
  name: 'large',
  definition: {
    name: 'large',
    defaults: DEFAULTS,
    manager: { prompt: 'Orchestrate', reportEvery: '250ms', simulate: { duration: '100ms', result: 'Noted.' } },
    tasks: {
      first: { prompt: 'Write', simulate: { duration: '300ms', result: LARGE } },
      second: { prompt: 'Write', simulate: { duration: '500ms', result: LARGE } },
      third: { needs: ['first', 'second'], prompt: 'Compare', simulate: { duration: '300ms', result: LARGE } },
      fourth: { needs: ['third'], prompt: 'Shorten', simulate: { duration: '300ms', result: LARGE } },
      fifth: { needs: ['third'], prompt: 'Translate', simulate: { duration: '400ms', result: LARGE } },
      last: { needs: ['fourth', 'fifth'], prompt: 'Say', simulate: { duration: '300ms', result: 'Said.' } },
    },
  },
  agents: ['first', 'second', 'third', 'fourth', 'fifth', 'last', 'manager'],
  results: { first: LARGE, second: LARGE, third: LARGE, fourth: LARGE, fifth: LARGE, last: 'Said.' },
  hasManager: true,
  hasLargeResults: true,
}

const SPEED = 8
/** A turn of the planning manager; it lasts a tenth of a second. */
const turn = (output: object) => ({ output, durationMs: 100 * SPEED })
const add = (...tasks: readonly object[]) => turn({ decision: 'delegate', tasks })
const work = (id: string, ...needs: readonly string[]) => ({ id, prompt: `Do ${id}`, needs })
const TURNS = [
  add(work('survey'), work('spec', 'survey'), work('plan', 'spec')),
  add(work('build', 'nothing')),
  add(work('build', 'plan'), work('document', 'plan')),
  turn({ decision: 'ask', question: 'Shall it be reviewed?' }),
  add(work('review', 'build', 'document')),
  turn({ decision: 'finish', summary: 'Done.' }),
]

const planning: CrashWorkflow = {
  name: 'planning',
  definition: {
    name: 'planning',
    defaults: DEFAULTS,
    manager: {
      plan: true,
      objective: 'Build it',
      prompt: `Manage.\n{% raw %}[simulate:${JSON.stringify({ turns: TURNS })}]{% endraw %}`,
    },
  },
  agents: ['manager', 'survey', 'spec', 'plan', 'build', 'document', 'review'],
  results: {},
  hasManager: true,
  hasLargeResults: false,
  speed: SPEED,
  flags: ['--yes'],
  decisions: ['delegate', 'refused', 'delegate', 'ask', 'delegate', 'finish'],
}

/** All of them. */
export const WORKFLOWS: readonly CrashWorkflow[] = [feature, parallel, large, planning]

/** Throws on a name that no workflow has. */
export function workflowNamed(name: string): CrashWorkflow {
  const found = WORKFLOWS.find((workflow) => workflow.name === name)
  if (found === undefined)
    throw new Error(`There is no workflow ${name}. There are: ${WORKFLOWS.map((known) => known.name).join(', ')}.`)
  return found
}
