/** Every world that can be reached, and what must hold in each. */
import { effectSteps } from './effect-steps.ts'
import { hostSteps } from './person-steps.ts'
import { BrokenInvariant, type Next, providerSteps } from './provider-steps.ts'
import { type ModelOptions, RunModel } from './run-model.ts'
import { Ways } from './ways.ts'
import { type Allowance, keyOf, MANAGER, NAMES, SUPERVISOR, TASKS, type World } from './world.ts'
import { WorldStore } from './world-store.ts'

/** What is explored: a model, and what may go wrong in it. */
export interface Exploration {
  readonly name: string
  readonly model: ModelOptions
  readonly allowance: Partial<Allowance>
}

export interface Explored {
  readonly name: string
  readonly worlds: number
  readonly steps: number
  /** States of single actors. */
  readonly actorStates: number
  /** Longest way from the beginning. */
  readonly depth: number
  /** Worlds in which the run has ended. */
  readonly ends: number
  /** True when nothing was left to be explored. */
  readonly isWhole: boolean
  readonly violation?: { readonly message: string; readonly trace: readonly string[] }
}

const NOTHING: Allowance = {
  crash: 0,
  lost: 0,
  doubled: 0,
  failure: 0,
  pause: 0,
  refusal: 0,
  unreadable: 0,
  unlisted: 0,
  deadline: 0,
  command: 0,
}

/** Breadth first, so that a trace is as short as can be. */
export function explore({ name, model: options, allowance }: Exploration, most: number): Explored {
  const model = new RunModel(options)
  const store = new WorldStore()
  const ways = new Ways()
  const ends: number[] = []
  const visit = ({ label, world }: Next, parent: number) => {
    const { number, isNew } = store.keep(world)
    if (isNew) {
      ways.open(parent, label)
      const wrong = wrongWith(model, world)
      if (wrong !== undefined) throw new Found(wrong, number)
    }
    if (parent >= 0) ways.note(parent, number)
  }
  const explored = (violation?: Explored['violation']): Explored => ({
    name,
    worlds: store.size,
    steps: ways.steps,
    actorStates: model.steps.size,
    depth: ways.depth,
    ends: ends.length,
    isWhole: store.size < most,
    ...(violation === undefined ? {} : { violation }),
  })
  try {
    visit({ label: 'begin', world: model.begin({ ...NOTHING, ...allowance }) }, -1)
    for (let at = 0; at < store.size && store.size < most; at++) {
      const world = store.world(at)
      const next = stepsFrom(model, world, at)
      if (isOver(model, world)) ends.push(at)
      else if (next.length === 0) throw new Found('I5: nothing can happen any more', at)
      for (const step of next) visit(step, at)
    }
    const stuck = store.size < most ? ways.firstWithout(ends) : undefined
    if (stuck !== undefined) throw new Found('I5: from here the run can never end', stuck)
    return explored()
  } catch (error) {
    if (!(error instanceof Found)) throw error
    return explored({ message: error.message, trace: ways.traceOf(error.world) })
  }
}

/** A violation, and the way to it. */
class Found extends Error {
  readonly world: number
  constructor(message: string, world: number) {
    super(message)
    this.world = world
  }
}

function stepsFrom(model: RunModel, world: World, number: number): Next[] {
  try {
    return [...effectSteps(model, world), ...providerSteps(model, world), ...hostSteps(model, world)]
  } catch (error) {
    if (error instanceof BrokenInvariant) throw new Found(error.message, number)
    throw error
  }
}

function isOver(model: RunModel, world: World): boolean {
  return NAMES.every((_, actor) => model.live(world, actor) === undefined) && world.queue.length === 0
}

/** What must hold in every world, and at the end. */
function wrongWith(model: RunModel, world: World): string | undefined {
  for (const actor of [MANAGER, ...TASKS]) {
    const state = model.actor(world, actor)
    if (state === undefined) continue
    const key = keyOf(actor, state.context['attempt'])
    const isHeld = world.holders.includes(key)
    if (state.isFinal && isHeld) return `I5: ${NAMES[actor]} has ended and holds a place`
    if (actor !== MANAGER && state.name === 'reporting' && runStatus(world, key) !== 'complete') {
      return `I7: ${NAMES[actor]} is reporting, but its agent run is ${runStatus(world, key) ?? 'not there'}`
    }
  }
  return isOver(model, world) ? wrongAtEnd(model, world) : undefined
}

function runStatus(world: World, key: string): string | undefined {
  return world.runs.find((run) => run.key === key)?.status
}

function wrongAtEnd(model: RunModel, world: World): string | undefined {
  if (model.live(world, SUPERVISOR) !== undefined) return 'I5: everybody has ended but the run'
  if (world.holders.length > 0) return `I5: ${world.holders.join(', ')} is held by nobody`
  const lost = world.runs.find(
    ({ key }) => !world.durableFacts.includes(`owned:${key}`) && !world.durableFacts.includes(`given-up:${key}`),
  )
  return lost === undefined ? undefined : `I2: the agent run of ${lost.key} is known to nobody`
}
