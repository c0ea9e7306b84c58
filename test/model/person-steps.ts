/** What a person, a clock, a disk and a crash do. */
import { legalTaskCommands } from '../../src/machines/commands.ts'
import { BrokenInvariant, change, type Next, noteRetry } from './provider-steps.ts'
import type { RunModel } from './run-model.ts'
import { keyOf, MANAGER, NAMES, SUPERVISOR, TASKS, type World } from './world.ts'

const SAYING = new Set(['steer', 'answer'])
/** Where a task goes on only when a person says something. */
const WAITING = [
  'escalated',
  'escalated.doubtful',
  'escalated.overdue',
  'running.needsInput',
  'pending.approval',
  'pending.paused',
]

export function hostSteps(model: RunModel, world: World): Next[] {
  const count = world.queue.length
  const commit =
    count === 0 ? [] : change(world, 'what was recorded is durable', undefined, (next) => model.commit(next))
  const isOver = NAMES.every((_, actor) => model.live(world, actor) === undefined)
  const crash = Array.from({ length: isOver ? 0 : count + 1 }, (_, written) =>
    change(world, `CRASH, ${written} of ${count} records written`, 'crash', (next) => model.crash(next, written)),
  ).flat()
  return [...commit, ...timerSteps(model, world), ...commandSteps(model, world), ...crash]
}

function timerSteps(model: RunModel, world: World): Next[] {
  return [MANAGER, ...TASKS].flatMap((actor) =>
    (model.live(world, actor)?.timers ?? []).flatMap((timer) => {
      const spends = /[dD]eadline/.test(timer) ? 'deadline' : undefined
      return change(world, `${NAMES[actor]}: ${timer}`, spends, (next) => model.command(next, actor, { type: timer }))
    }),
  )
}

function commandSteps(model: RunModel, world: World): Next[] {
  const tasks = TASKS.flatMap((task) => {
    const state = model.live(world, task)
    if (state === undefined) return []
    return legalTaskCommands(state.name, state.context).flatMap((name) => {
      // What waits for a person is decided about some time; the rest is said unasked.
      const isAwaited = WAITING.includes(state.name) && (name === 'fail' || name === 'skip')
      const said = say(model, world, task, name, isAwaited ? undefined : 'command')
      return name === 'retry' || name === 'complete' ? [...said, ...sayTwice(model, world, task, name)] : said
    })
  })
  const status = model.nameOf(world, SUPERVISOR)
  const run = [
    ...(status === 'paused' ? tellRun(model, world, 'continue', undefined) : []),
    ...(model.live(world, SUPERVISOR) === undefined ? [] : tellRun(model, world, 'cancel', 'command')),
  ]
  return [...tasks, ...run]
}

function tellRun(model: RunModel, world: World, name: string, spends: 'command' | undefined): Next[] {
  return change(world, `a person says ${name}`, spends, (next) =>
    model.command(next, SUPERVISOR, { type: `run.${name}` }),
  )
}

function say(
  model: RunModel,
  world: World,
  task: number,
  name: string,
  spends: keyof World['left'] | undefined,
): Next[] {
  return change(world, `a person says ${name} to ${NAMES[task]}`, spends, (next) => tellTask(model, next, task, name))
}

/** The same words arrive again: they are legal or refused as if they were new. */
function sayTwice(model: RunModel, world: World, task: number, name: string): Next[] {
  if (world.left.command === 0) return []
  return change(world, `a person says ${name} to ${NAMES[task]}, twice`, 'doubled', (next) => {
    next.left = { ...next.left, command: next.left.command - 1 }
    tellTask(model, next, task, name)
    if (model.live(next, task) !== undefined) tellTask(model, next, task, name)
  })
}

function tellTask(model: RunModel, world: World, task: number, name: string): void {
  const state = model.live(world, task)
  if (state === undefined) return
  const event = { type: `task.${name}` }
  if (!model.steps.can(state.number, event)) {
    if (legalTaskCommands(state.name, state.context).includes(name)) {
      throw new BrokenInvariant(`I11: ${NAMES[task]} is ${state.name}, is said to take '${name}' and does not`)
    }
    return
  }
  if (name === 'retry') noteRetry(world, keyOf(task, state.context['attempt']))
  const said = name === 'complete' ? { result: 'A person’s' } : SAYING.has(name) ? { text: 'Mind the tests' } : {}
  model.command(world, task, { ...event, ...said })
}
