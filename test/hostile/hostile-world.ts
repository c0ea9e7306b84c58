/** A whole orchestrator in virtual time whose agents answer exactly what a test says. */
import { findMark } from '../../src/domain/ids.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { inWorld, type World } from '../simulation/world.ts'
import { answered, type Fate, type RunJson, ScriptedNetwork } from '../trouble/network.ts'
import { SECRET } from './texts.ts'

/** What was asked of an agent: of which task and turn, in which words. */
export interface Asked {
  readonly task: string
  readonly attempt: number
  readonly turn: number
  readonly text: string
}

export interface HostileWorld {
  readonly world: World
  readonly network: ScriptedNetwork
  /** Every prompt that left, in order. */
  readonly asked: Asked[]
  /** The prompts of a task. */
  of(task: string): readonly string[]
}

/** What agents answer, by task: fields of the API's answer once the turn has ended. */
export type Answers = Readonly<Record<string, RunJson | ((turn: number) => RunJson)>>

export function inHostileWorld(answers: Answers, live: (given: HostileWorld) => Promise<void>): Promise<void> {
  const network = new ScriptedNetwork()
  const asked: Asked[] = []
  const turns = new Map<string, number>()
  network.show((run) => {
    const task = taskOf(run)
    const said = answers[task]
    if (said === undefined || !['COMPLETE', 'PAUSED', 'ERROR'].includes(String(run['status']))) return run
    return { ...run, ...(typeof said === 'function' ? said(turns.get(task) ?? 1) : said) }
  })
  const carry: typeof network.carry = async (request, deliver) => {
    if (request.method === 'POST') {
      const { prompt } = (await request.clone().json()) as { prompt: string }
      const mark = findMark(prompt.slice(prompt.lastIndexOf('\n')))
      const { task, attempt } = mark?.key ?? { task: 'none', attempt: 0 }
      asked.push({ task, attempt, turn: mark?.turn ?? 0, text: prompt })
      turns.set(task, mark?.turn ?? 1)
    }
    return network.carry(request, deliver)
  }
  return inWorld({ seed: 4, unlimited: true, network: carry }, (world) =>
    live({ world, network, asked, of: (task) => asked.filter((one) => one.task === task).map(({ text }) => text) }),
  )
}

function taskOf(run: RunJson): string {
  const { troupe } = (run['metadata'] ?? {}) as { troupe?: { task?: string } }
  return troupe?.task ?? ''
}

/** An answer all of whose fields are the text: of the run, its pull requests, its report. */
export function allSaying(text: string): RunJson {
  return {
    result: JSON.stringify(reportSaying(text)).replaceAll('"PROTO"', '"__proto__"'),
    summary: text,
    source_type: text,
    web_url: `https://codegen.invalid/${text}`,
    github_pull_requests: [
      { title: text, url: `https://codegen.invalid/${text}`, head_branch_name: text },
      { title: text, url: `javascript:${text}`, head_branch_name: 'fix/1' },
    ],
  }
}

function reportSaying(text: string): JsonObject {
  const keys = { PROTO: { polluted: text }, constructor: text, hasOwnProperty: text, toString: text, [text]: text }
  const metrics = { PROTO: 7, constructor: 3, tokens: text, [text]: 5, nested: { PROTO: { polluted: 1 } } }
  return {
    status: 'completed',
    task_id: text,
    turn: 1,
    result: { word: text, items: [{ name: text }, text], files_modified: [text, '../../etc/passwd'], ...keys },
    metrics,
  }
}

/** A task whose agent says something, and every place of a workflow to which that goes. */
export const PLACES = defineWorkflow({
  name: 'places',
  inputs: { secret: { type: 'string' } },
  defaults: { repository: 'acme/shop', retry: { attempts: 1 } },
  manager: { prompt: 'Watch.' },
  tasks: {
    a: { prompt: 'Do a', output: { type: 'object', properties: { items: { type: 'array' } } } },
    read: {
      needs: ['a'],
      prompt:
        'Whole: {{ tasks.a.result }}\nOutput: {{ tasks.a.output }}\nWord: {{ tasks.a.output.word }} {{ tasks.a.output.word | upcase }}\nReport: {{ tasks.a.report }}\nOpened: {{ tasks.a.pullRequests }} {{ tasks.a.branches }}\nFirst: {% for item in tasks.a.output.items %}{{ item }}{% endfor %}{% assign w = tasks.a.results[0] %}{{ w }}',
    },
    follow: { needs: ['a'], prompt: 'Go on.' },
    each: { needs: ['a'], forEach: 'tasks.a.output.items', prompt: 'Item {{ index }}: {{ item.name }} of {{ item }}' },
    unless: { needs: ['a'], if: "tasks.a.output.word == 'yes' and tasks.a.output.items != 0", prompt: 'Never.' },
  },
} as never)

/** Starts a workflow and lets it settle; gives the run. */
export async function carriedOut(world: World, workflow = PLACES): Promise<string> {
  const declares = workflow === PLACES
  const run = await world.orchestrator.start(workflow, declares ? { secret: SECRET } : {}, {})
  await world.settled(run)
  return run
}

/** A log all of whose entries are the text. */
export function logsSaying(text: string): Fate {
  const entry = { created_at: '2026-01-01T00:00:00Z', message_type: 'ERROR', tool_name: text, thought: text }
  const entries = [{ ...entry, observation: text, tool_input: { [text]: text }, tool_output: text }]
  return answered((json) => ({ ...json, logs: entries, total_logs: 1 }))
}
