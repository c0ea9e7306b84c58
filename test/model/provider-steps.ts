/** What can happen at the provider and on the way to it. */
import type { RunModel } from './run-model.ts'
import {
  arrange,
  including,
  keyOf,
  MANAGER,
  type Message,
  NAMES,
  type ProviderRun,
  TASKS,
  type World,
} from './world.ts'

/** One thing that may happen next. */
export interface Next {
  readonly label: string
  readonly world: World
}

/** What is wrong with the world that a step leads to. */
export class BrokenInvariant extends Error {}

export const TROUBLE = { message: 'No answer', retryable: true }
export const refTo = (key: string) => ({ backend: 'codegen', id: key })

/** A change of the world, if there is an allowance for it. */
export function change(
  world: World,
  label: string,
  spends: keyof World['left'] | undefined,
  apply: (next: World) => void,
): Next[] {
  if (spends !== undefined && world.left[spends] === 0) return []
  const next = { ...world }
  if (spends !== undefined) next.left = { ...next.left, [spends]: next.left[spends] - 1 }
  apply(next)
  return [{ label, world: next }]
}

export function providerSteps(model: RunModel, world: World): Next[] {
  return [
    ...world.messages.flatMap((message) => messageSteps(model, world, message)),
    ...world.runs.flatMap((run, index) => runSteps(world, run, index)),
  ]
}

/** The actor that still waits for the answer to a message. */
function askerOf(model: RunModel, world: World, { key, kind, isLate }: Message): number | undefined {
  if (isLate) return undefined
  return [MANAGER, ...TASKS].find((actor) => {
    const state = model.live(world, actor)
    if (state?.owed === undefined || world.phases[actor] !== 'sent') return false
    const fits = kind === 'create' ? state.owed.src === 'createAgentRun' : state.owed.src === 'promptAgentRun'
    return fits && keyOf(actor, state.context['attempt']) === key
  })
}

function messageSteps(model: RunModel, world: World, message: Message): Next[] {
  const { kind, key, turn, at } = message
  const name = `${kind} ${key}${kind === 'prompt' ? `/${turn}` : ''}`
  const asker = askerOf(model, world, message)
  const without = (next: World) => {
    next.messages = next.messages.filter((other) => other !== message)
  }
  const giveUpWaiting = (next: World) => asker !== undefined && noAnswer(model, next, asker, kind)
  if (at === 'back') {
    if (asker === undefined) return change(world, `the answer to ${name} finds nobody`, undefined, without)
    return [
      ...change(world, `${name} is answered`, undefined, (next) => {
        without(next)
        model.answer(next, asker, 'done', kind === 'create' ? refTo(key) : {})
      }),
      ...change(world, `the answer to ${name} is lost`, 'lost', (next) => {
        without(next)
        giveUpWaiting(next)
      }),
    ]
  }
  const arrive = (next: World) => {
    without(next)
    arriveAt(next, message)
    if (asker !== undefined) next.messages = arrange([...next.messages, { ...message, at: 'back' }])
  }
  return [
    ...change(world, `${name} arrives`, undefined, arrive),
    ...change(world, `${name} arrives twice`, 'doubled', (next) => {
      arrive(next)
      arriveAt(next, message)
    }),
    ...(kind === 'create'
      ? change(world, `${name} arrives, and is not listed yet`, 'unlisted', (next) => {
          arrive(next)
          next.runs = next.runs.map((run) => (run.key === key ? { ...run, isUnlisted: true } : run))
        })
      : []),
    // Nobody waits for what a dead process sent: it is lost at no cost.
    ...change(world, `${name} is lost`, asker === undefined ? undefined : 'lost', (next) => {
      without(next)
      giveUpWaiting(next)
    }),
    ...(asker === undefined
      ? []
      : [
          ...change(world, `${name} takes too long`, 'lost', (next) => {
            without(next)
            next.messages = arrange([...next.messages, { ...message, isLate: true }])
            giveUpWaiting(next)
          }),
          ...refusals(model, world, message, asker, without),
        ]),
  ]
}

function refusals(
  model: RunModel,
  world: World,
  { kind, key }: Message,
  asker: number,
  without: (next: World) => void,
): Next[] {
  if (kind !== 'create') return []
  return (['limit', 'quota', 'invalid'] as const).flatMap((word) =>
    change(world, `create ${key} is refused: ${word}`, 'refusal', (next) => {
      without(next)
      model.answer(next, asker, 'error', { kind: word, certain: true, ...TROUBLE, retryable: word === 'limit' })
    }),
  )
}

/** The asker hears nothing: a create is in doubt, a prompt is looked up before anything else. */
function noAnswer(model: RunModel, world: World, asker: number, kind: Message['kind']): void {
  if (kind === 'prompt') world.phases = world.phases.with(asker, 'doubt')
  else model.answer(world, asker, 'error', { kind: 'unknown-outcome', certain: false, ...TROUBLE })
}

function arriveAt(world: World, { kind, key, turn }: Message): void {
  if (kind === 'create') {
    world.runs = [...world.runs, { key, status: 'active', turn: 1 }]
    return
  }
  const index = world.runs.findIndex((run) => run.key === key)
  const run = world.runs[index]
  if (run !== undefined) {
    world.runs = world.runs.with(index, { ...run, status: 'active', turn: Math.max(turn, run.turn) })
  }
}

function runSteps(world: World, run: ProviderRun, index: number): Next[] {
  const become = (status: ProviderRun['status'], spends?: 'failure' | 'pause') =>
    change(world, `agent run ${run.key} is ${status}`, spends, (next) => {
      next.runs = next.runs.with(index, { ...run, status })
    })
  const listed = listing(world, run, index)
  if (run.status === 'active') {
    return [...listed, ...become('complete'), ...become('failed', 'failure'), ...become('paused', 'pause')]
  }
  return run.status === 'paused' ? [...listed, ...become('active')] : listed
}

/** Sooner or later, and within the grace time: whoever searches still does. */
function listing(world: World, { isUnlisted, ...run }: ProviderRun, index: number): Next[] {
  if (isUnlisted !== true) return []
  return change(world, `agent run ${run.key} is listed`, undefined, (next) => {
    next.runs = next.runs.with(index, run)
  })
}

/** Sends a request: it must be owed on the disk (I3), and nothing like it may be there or on its way (I1, I2, I4). */
export function send(model: RunModel, world: World, actor: number, message: Message): void {
  const { kind, key, turn } = message
  const what = `${kind} ${key}/${turn}`
  if (!model.isDurable(world, actor)) throw new BrokenInvariant(`I3: ${what} leaves before its intent is durable`)
  const isOnItsWay = world.messages.some((other) => other.kind === kind && other.key === key && other.turn === turn)
  const isThere = world.runs.some((run) => run.key === key && (kind === 'create' || run.turn >= turn))
  if (isThere || isOnItsWay) throw new BrokenInvariant(`I2: ${what} is sent again`)
  if (kind === 'create' && actor !== MANAGER) workAlone(world, actor, key)
  if (kind === 'create' && !model.isReady(world)) {
    if (NAMES[actor] === 'bob') throw new BrokenInvariant(`I4: ${what} is sent before Ann has settled`)
  }
  world.messages = arrange([...world.messages, message])
  world.phases = world.phases.with(actor, 'sent')
}

function workAlone(world: World, actor: number, key: string): void {
  const own = `${NAMES[actor]}/`
  const beside = world.runs.find(
    (run) => run.key.startsWith(own) && run.key !== key && (run.status === 'active' || run.status === 'paused'),
  )
  if (beside === undefined || world.facts.includes(`retried:${beside.key}`)) return
  throw new BrokenInvariant(`I1: ${key} is created beside ${beside.key}, which is ${beside.status}`)
}

export function noteRetry(world: World, key: string): void {
  world.facts = including(world.facts, `retried:${key}`)
  world.durableFacts = including(world.durableFacts, `retried:${key}`)
}
