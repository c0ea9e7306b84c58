import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Faults } from '../../src/backends/codegen/stand-in/faults.ts'
import { createStandIn } from '../../src/backends/codegen/stand-in/stand-in.ts'
import { sleep } from '../../src/domain/clock.ts'
import type { TaskCommand } from '../../src/domain/command.ts'
import type { RunSettings } from '../../src/domain/orchestration.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import type { TaskView } from '../../src/domain/views.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../../src/orchestrator.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'

const ANSWER_MS = 200

/** What happens in {@link peopleWorld}. */
export interface PeopleWorldOptions {
  /** Tasks as a workflow file has them. */
  readonly tasks: object
  readonly settings?: RunSettings
  readonly more?: object
  readonly faults?: Partial<Faults>
  /** Answers in place of the stand-in. */
  readonly answer?: (request: Request) => Response | undefined | Promise<Response>
}

/** One run at the stand-in, in virtual time, that people say things to; its orchestrator may die and another takes over. */
export async function peopleWorld({ tasks, settings = {}, more = {}, faults = {}, answer }: PeopleWorldOptions) {
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock, faults })
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-people-'))
  /** What was asked of agents, in order: prompts of creates and of further turns. */
  const prompts: string[] = []
  const records: RunRecord[] = []
  const open = async () => {
    const opened = await createLocalOrchestrator({
      dataDir,
      clock,
      environment: { baseUrl: 'http://codegen.invalid', token: 'token' },
      async fetch(input, init) {
        const request = new Request(input, init)
        if (request.method === 'POST' && /\/agent\/run(\/resume)?$/.test(request.url)) {
          prompts.push(((await request.clone().json()) as { prompt: string }).prompt)
        }
        await sleep(clock, ANSWER_MS / 2)
        const response = (await answer?.(request)) ?? (await standIn.fetch(request))
        await sleep(clock, ANSWER_MS / 2)
        return response
      },
    })
    opened.subscribe((_, group) => void records.push(...group))
    return opened
  }
  let orchestrator = await open()
  onTestFinished(async () => {
    await orchestrator.close()
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const defaults = { backend: 'codegen', retry: { attempts: 2, delay: '1s' }, onFailure: 'escalate' }
  const workflow = defineWorkflow({ name: 'people', defaults, tasks, ...more } as never)
  const run = await orchestrator.start(workflow, {}, settings)
  const count = async (what: 'creations' | 'turns') => {
    const response = await standIn.fetch(new Request(`http://codegen.invalid/_stand-in/${what}`))
    const counts = (await response.json()) as Record<string, number>
    return Object.fromEntries(Object.entries(counts).map(([key, value]) => [key.slice(run.length + 1), value]))
  }
  const task = (id = 'work'): TaskView | undefined => orchestrator.view(run).tasks.find((one) => one.task === id)
  return {
    clock,
    run,
    prompts,
    records,
    task,
    creations: () => count('creations'),
    turns: () => count('turns'),
    get orchestrator() {
      return orchestrator
    },
    say: (command: TaskCommand, id = 'work', who?: string) =>
      clock.runUntil(
        orchestrator.commandTask(run, id, command, { via: 'library', ...(who === undefined ? {} : { who }) }),
      ),
    until: (state: string, id = 'work') => clock.runUntil(() => task(id)?.state === state),
    /** Until nothing can go on by itself. */
    settle: async () => {
      const settled = orchestrator.settled(run)
      await clock.runUntil(settled)
      return (await settled).exitCode
    },
    /** The process dies and another restores the run. */
    restart: async (resumed?: RunSettings) => {
      await orchestrator.close()
      orchestrator = await open()
      await clock.runUntil(orchestrator.resume(run, resumed))
    },
    alerts: (code: string) =>
      records
        .filter(({ type, data }) => type === 'alert' && data?.['code'] === code)
        .map(({ data }) => data?.['message']),
    states: (id = 'work') =>
      records.filter(({ type, actor }) => type === 'transition' && actor.id === id).map(({ to }) => to),
  }
}

/** A task's prompt that scripts its agent. */
export const scripted = (script: object): string =>
  `Work\n[simulate:${JSON.stringify({ durationMs: 30_000, ...script })}]`
