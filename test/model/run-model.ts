/** What the host does with the machines: records, the graph, slots, restore. As src/host does it, without time and I/O. */
import type { AnyEventObject, AnyStateMachine } from 'xstate'
import type { JsonObject } from '../../src/domain/json.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { managerMachine } from '../../src/machines/manager-machine.ts'
import { mainState } from '../../src/machines/public-state.ts'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { type Act, type ActorState, type ActorStep, MachineSteps } from './machine-steps.ts'
import { ANN, arrange, BOB, including, keyOf, MANAGER, NAMES, NONE, SUPERVISOR, TASKS, type World } from './world.ts'

/** What is modelled. */
export interface ModelOptions {
  /** Bob needs what Ann did; else they work side by side. */
  readonly isChained: boolean
  /** Agents at once. */
  readonly concurrency: number
  readonly onFailure: 'escalate' | 'fail'
  readonly onTimeout: boolean
  /** The agents' work is checked; what fails goes back to them once. */
  readonly isChecked?: boolean
  /** A planted bug: what a search does not find at once counts as never made. */
  readonly isHasty?: boolean
  readonly machines?: { readonly agent?: AnyStateMachine; readonly manager?: AnyStateMachine }
}

const RETRY = { attempts: 2, delayMs: 1, factor: 1, maxDelayMs: 1, timeoutMs: 1_000, seed: 1 }
const HOLDING = new Set(['creating', 'running', 'reporting', 'cancelling'])
const QUOTA = { kind: 'quota', message: 'No quota' }

/** One run of ours: two tasks, a manager, a supervisor. */
export class RunModel {
  readonly steps = new MachineSteps()
  /** What waits until the actor that is at work has settled, as XState's mailboxes and microtasks do. */
  #later: (() => void)[] = []
  #depth = 0
  readonly options: ModelOptions

  constructor(options: ModelOptions) {
    this.options = options
  }

  /** A run whose first records are durable, and that goes on from there. */
  begin(left: World['left']): World {
    const world: World = {
      actors: NAMES.map(() => NONE),
      durable: NAMES.map(() => NONE),
      queue: [],
      phases: NAMES.map(() => 'new'),
      messages: [],
      runs: [],
      holders: [],
      facts: [],
      durableFacts: [],
      left,
    }
    this.#start(world, SUPERVISOR)
    this.commit(world)
    this.proceed(world)
    return world
  }

  actor(world: World, actor: number): ActorState | undefined {
    const number = world.actors[actor] ?? NONE
    return number === NONE ? undefined : this.steps.state(number)
  }

  /** An actor that has begun and not ended. */
  live(world: World, actor: number): ActorState | undefined {
    const state = this.actor(world, actor)
    return state?.isFinal === false ? state : undefined
  }

  nameOf(world: World, actor: number): string {
    return this.actor(world, actor)?.name ?? ''
  }

  isSettled(world: World, task: number): boolean {
    return this.actor(world, task)?.isFinal === true
  }

  isPaused(world: World): boolean {
    return this.nameOf(world, SUPERVISOR) === 'paused'
  }

  isFinishing(world: World): boolean {
    return this.nameOf(world, SUPERVISOR) === 'finishing'
  }

  /** Whether what the actor owes is on the disk. */
  isDurable(world: World, actor: number): boolean {
    return !world.queue.some((waiting) => waiting.actor === actor)
  }

  /** The records that wait become durable: all in one write, or the first `count` where a kill tears it. */
  commit(world: World, count = world.queue.length): void {
    for (const { actor, state, facts } of world.queue.slice(0, count)) {
      world.durable = world.durable.with(actor, state)
      for (const fact of facts) world.durableFacts = including(world.durableFacts, fact)
    }
    world.queue = world.queue.slice(count)
  }

  /** The process dies over its last write, and another restores what is durable (I12): effects that were owed start again. */
  crash(world: World, written: number): void {
    this.commit(world, written)
    world.queue = []
    world.actors = world.durable
    world.facts = world.durableFacts
    const sent = world.messages.filter(({ at }) => at === 'there')
    world.messages = arrange(sent.map((message) => ({ ...message, isLate: true })))
    world.holders = []
    for (const actor of [MANAGER, ...TASKS]) {
      const state = this.live(world, actor)
      const holds = state !== undefined && (HOLDING.has(mainState(state.name)) || state.name === 'escalated.overdue')
      if (holds) world.holders = including(world.holders, keyOf(actor, state.context['attempt']))
    }
    world.phases = NAMES.map((_, actor) => (this.live(world, actor)?.owed === undefined ? 'new' : 'restarted'))
    // Whoever resumes tries again what was closed for want of quota.
    if (this.isPaused(world)) this.tell(world, SUPERVISOR, { type: 'run.continue' })
    this.proceed(world)
  }

  /** Lets the run go on, new or restored. */
  proceed(world: World): void {
    const name = this.nameOf(world, SUPERVISOR)
    if (name === 'starting') this.tell(world, SUPERVISOR, { type: 'run.begin' })
    else if (name === 'running' || name === 'paused') this.#startReady(world)
    else if (name === 'finishing') this.tell(world, MANAGER, { type: 'manager.finish' })
    this.#checkEnd(world)
  }

  /** Sends an event; everything that follows at once is done when this returns. Whether it changed anything. */
  tell(world: World, actor: number, event: AnyEventObject): boolean {
    const state = this.live(world, actor)
    if (state === undefined) return false
    const step = this.steps.step(state.number, event)
    if (step === undefined) return false
    this.#settle(world, actor, step)
    return step.isChanged
  }

  /** The outcome of the effect that the actor owes. */
  answer(world: World, actor: number, how: 'done' | 'error', details: object): void {
    const owed = this.live(world, actor)?.owed
    if (owed === undefined) throw new Error(`${NAMES[actor]} owes no effect`)
    const payload = how === 'done' ? { output: details } : { error: details }
    this.tell(world, actor, { type: `xstate.${how}.actor.${owed.id}`, actorId: owed.id, ...payload })
    this.#checkEnd(world)
  }

  command(world: World, actor: number, event: AnyEventObject): void {
    this.tell(world, actor, event)
    this.#checkEnd(world)
  }

  #settle(world: World, actor: number, { next, isChanged, isStarting, acts }: ActorStep): void {
    this.#depth++
    const facts: string[] = []
    if (isStarting) world.phases = world.phases.with(actor, 'new')
    world.actors = world.actors.with(actor, next.number)
    for (const act of acts) this.#act(world, actor, act, facts)
    // Whoever was told something on the way has its record first.
    if (isChanged) this.#record(world, actor, next, facts)
    if (next.isFinal && actor !== SUPERVISOR) {
      const done = { type: `xstate.done.actor.${NAMES[actor]}`, actorId: NAMES[actor] }
      this.#later.push(() => this.tell(world, SUPERVISOR, done))
    }
    this.#depth--
    while (this.#depth === 0 && this.#later.length > 0) this.#later.shift()?.()
  }

  #record(world: World, actor: number, next: ActorState, facts: string[]): void {
    if (next.context['ref'] !== undefined) facts.push(`owned:${keyOf(actor, next.context['attempt'])}`)
    for (const fact of facts) world.facts = including(world.facts, fact)
    world.queue = [...world.queue, { actor, state: next.number, facts }]
  }

  #act(world: World, actor: number, { name, params }: Act, facts: string[]): void {
    const key = keyOf(actor, params['attempt'])
    if (name === 'releaseSlots') world.holders = world.holders.filter((holder) => holder !== key)
    else if (name === 'holdSlots') world.holders = including(world.holders, key)
    else if (name === 'giveUpAgentRun') {
      if (params['ref'] !== undefined || params['intentAt'] !== undefined) facts.push(`given-up:${key}`)
    } else if (name === 'blockAccount') {
      this.#later.push(() => this.tell(world, SUPERVISOR, { type: 'run.pause', reason: QUOTA }))
    } else if (name === 'startReady' || name === 'advance') this.#startReady(world)
    else if (name === 'finishManager') this.tell(world, MANAGER, { type: 'manager.finish' })
    else if (name === 'cancelAgents') {
      this.tell(world, MANAGER, { type: 'manager.cancel' })
      for (const task of TASKS) this.tell(world, task, { type: 'task.cancel' })
    }
  }

  #startReady(world: World): void {
    if (this.isFinishing(world)) return
    if (this.actor(world, MANAGER) === undefined) this.#start(world, MANAGER)
    if (this.actor(world, ANN) === undefined) this.#start(world, ANN)
    if (this.actor(world, BOB) === undefined && this.isReady(world)) this.#start(world, BOB)
  }

  /** Whether Bob may be decided about. */
  isReady(world: World): boolean {
    return !this.options.isChained || this.isSettled(world, ANN)
  }

  #start(world: World, actor: number): void {
    const step = this.steps.start(this.#machineOf(actor), this.#inputOf(world, actor))
    this.#settle(world, actor, step)
  }

  #machineOf(actor: number): AnyStateMachine {
    if (actor === SUPERVISOR) return supervisorMachine
    if (actor === MANAGER) return this.options.machines?.manager ?? managerMachine
    return this.options.machines?.agent ?? agentMachine
  }

  #inputOf(world: World, actor: number): JsonObject {
    const { onFailure, onTimeout, isChained, isChecked } = this.options
    if (actor === SUPERVISOR) return { run: 'run' }
    if (actor === MANAGER) return { run: 'run', policy: RETRY }
    const policy = {
      ...RETRY,
      onFailure,
      onTimeout,
      canCancel: false,
      canPrompt: true,
      ...(isChecked ? { check: 1 } : {}),
    }
    const isSkipped = actor === BOB && isChained && this.nameOf(world, ANN) !== 'completed'
    return { run: 'run', task: NAMES[actor] ?? '', policy, ...(isSkipped ? { skip: 'Ann did not complete' } : {}) }
  }

  #checkEnd(world: World): void {
    this.#depth++
    this.#later.push(() => this.#endIfSettled(world))
    this.#depth--
    while (this.#depth === 0 && this.#later.length > 0) this.#later.shift()?.()
  }

  #endIfSettled(world: World): void {
    const name = this.nameOf(world, SUPERVISOR)
    if (name === 'running' || name === 'paused') {
      if (!TASKS.every((task) => this.isSettled(world, task))) return
      const ends = TASKS.map((task) => this.nameOf(world, task))
      const outcome = ends.includes('failed') ? 'failed' : ends.includes('cancelled') ? 'cancelled' : 'completed'
      this.tell(world, SUPERVISOR, { type: 'graph.settled', outcome })
    }
    const isIdle = [MANAGER, ...TASKS].every((actor) => this.live(world, actor) === undefined)
    if (this.isFinishing(world) && isIdle) this.tell(world, SUPERVISOR, { type: 'run.idle' })
  }
}
