/** The six tasks whose work is killed again and again: what each does, and what must be there afterwards. */
import type { Script, Step } from '../support/model-server/script.ts'

/** The tasks in the order in which they can be done. */
export const TASKS = ['plan', 'build-api', 'build-page', 'build-store', 'review', 'docs'] as const
export type TaskName = (typeof TASKS)[number]

/** It has a check that fails until its second turn. */
export const CHECKED: TaskName = 'build-page'
/** It has setup commands. */
export const SET_UP: TaskName = 'build-store'
export const LAST: TaskName = 'docs'

const NEEDS: Readonly<Record<TaskName, readonly TaskName[]>> = {
  plan: [],
  'build-api': ['plan'],
  'build-page': ['plan'],
  'build-store': ['plan'],
  review: ['build-api', 'build-page', 'build-store'],
  docs: ['review'],
}

/** Who works at which task, where all four agents take part. */
export const AGENTS = ['command:claude', 'command:codex', 'acp:claude', 'acp:codex'] as const
export type AgentName = (typeof AGENTS)[number]

/** Lines that each task appends, turn by turn, to a file of its own. */
const TURNS: Readonly<Record<TaskName, readonly (readonly string[])[]>> = {
  plan: [['plan one', 'plan two', 'plan three']],
  'build-api': [['api one', 'api two', 'api three']],
  'build-page': [['page one', 'page two', 'page three'], ['page mended']],
  'build-store': [['store one', 'store two', 'store three']],
  review: [['review one', 'review two', 'review three']],
  docs: [['docs one', 'docs two', 'docs three']],
}

/** A command of an agent that takes its time; by this name it is found among the processes. */
export const LINGER = 'linger.sh'
export const CHECK = 'check.sh'
export const SETUP = 'setup.sh'
/** What was really run, in the order in which it was; git ignores it. */
export const RAN = 'ran.log'

/** The files that everything begins with. */
export const FIRST_FILES: Readonly<Record<string, string>> = {
  '.gitignore': '*.log\n',
  'shop.txt': 'open\n',
  // An agent that goes on looks first at what is done. Each call is written down, done or not.
  'add.sh': `echo "$2" >> ${RAN}\ngrep -qxF -- "$2" "$1" 2>/dev/null || echo "$2" >> "$1"\necho "did <$2>"\n`,
  [LINGER]: 'sleep 0.4\nsh add.sh "$1" "$2"\nsleep 0.4\n',
  [CHECK]: 'sleep 0.4\ngrep -qx "page mended" build-page.txt || { echo "page mended is missing"; exit 1; }\n',
  [SETUP]: 'sleep 0.3\n',
}

/** What the file of a task holds at the end. */
export function linesOf(task: TaskName): readonly string[] {
  return TURNS[task].flat()
}

export function fileOf(task: TaskName): string {
  return `${task}.txt`
}

/** Which agent works at a task. */
function agentOf(task: TaskName, agents: readonly AgentName[]): AgentName {
  const agent = agents[TASKS.indexOf(task) % agents.length]
  if (agent === undefined) throw new Error('There is no agent')
  return agent
}

/** The workflow, as JSON. */
export function workflowOf(agents: readonly AgentName[], repository: string): object {
  const tasks = TASKS.map((task) => [
    task,
    {
      prompt: `Add your lines to ${fileOf(task)}.`,
      backend: agentOf(task, agents),
      needs: NEEDS[task],
      ...(task === CHECKED ? { check: { run: ['sh', CHECK], rounds: 2 } } : {}),
      ...(task === SET_UP ? { setup: ['sh', SETUP] } : {}),
    },
  ])
  return {
    name: 'crash with real agents',
    defaults: { repository, retry: { attempts: 3, delay: '100ms' }, timeout: '10m' },
    tasks: Object.fromEntries(tasks),
  }
}

/** What the model does. */
export function scriptOf(): Script {
  return Object.fromEntries(
    TASKS.map((task) => [task, TURNS[task].map((lines) => [...lines.map(stepOf(task)), { report: {} }])]),
  )
}

function stepOf(task: TaskName): (line: string, at: number) => Step {
  return (line, at) => ({ run: `sh ${at === 1 ? LINGER : 'add.sh'} ${fileOf(task)} '${line}'` })
}
