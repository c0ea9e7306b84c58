import type { AnyEventObject } from 'xstate'
import type { AgentPolicy } from '../../src/machines/agent-context.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import type { WatchInput } from '../../src/machines/effects.ts'
import { isFinalState } from '../../src/machines/public-state.ts'
import { agentEvents, agentInput } from './agent-events.ts'
import { type EffectCall, ScriptedActor } from './scripted-actors.ts'

/** One thing that happens; `pick` chooses among what can. */
export interface Happening {
  readonly kind: 'command' | 'answer' | 'time' | 'late'
  readonly pick: number
}

const { retry, wait, adopt, approve, reject, answer, steer, pause, continue: goOn, ...endings } = agentEvents.commands
/** Those that end nothing come more often: a long life shows more. */
const commands = [
  ...Object.values(endings),
  ...Array.from({ length: 4 }, () => [retry, wait, adopt, approve, answer, steer, pause, goOn]).flat(),
  reject,
]
const steps = [1_000, 60_000, 4_000_000]
const { slots, create, putBack, blocked, reconcile, watch, report, check, account, diagnose, stop, settle, prompt } =
  agentEvents
const answers: Readonly<Record<string, readonly AnyEventObject[]>> = {
  acquireSlots: [slots.done, slots.done, slots.done, slots.error],
  createAgentRun: [
    create.done,
    create.done,
    create.done,
    create.uncertain,
    create.refused,
    putBack.limit,
    blocked.quota,
  ],
  checkWork: Object.values(check),
  reconcileAgentRun: Object.values(reconcile),
  readReport: Object.values(report),
  diagnoseFailure: [...Object.values(diagnose), account.brokenOff, account.conflict],
  promptAgentRun: Object.values(prompt),
}

/** Every end by the backend's evidence or a command, by the state it leads to (I7). */
const ENDS: Readonly<Record<string, readonly string[]>> = {
  reporting: ['xstate.done.actor.watch', 'xstate.done.actor.check'],
  'reporting.checking': ['xstate.done.actor.watch'],
  'reporting.mending': ['xstate.done.actor.check'],
  'escalated.conflict': ['xstate.done.actor.diagnose'],
  completed: ['xstate.done.actor.report', 'task.complete'],
  failed: ['xstate.done.actor.diagnose', 'task.fail', 'task.reject'],
  skipped: ['xstate.done.actor.diagnose', 'task.skip', 'task.reject'],
  cancelled: ['xstate.done.actor.settle', 'xstate.error.actor.settle'],
}
const RETRIES = ['task.retry', 'xstate.after.retryDelay.agent.live.retrying']
const WITHOUT_SLOTS =
  /^(pending|pending\.approval|pending\.paused|recovering|retrying|escalated|escalated\.conflict|escalated\.doubtful)$/
const WITH_SLOTS = /^(creating|running|reporting|escalated\.overdue)/

/** An agent to which anything happens in any order, and what must hold of it after each step. */
export class AgentModel {
  readonly #actor: ScriptedActor
  readonly #policy: Partial<AgentPolicy>
  #seen = 0
  #acted = 0
  #attempt = 1
  /** Attempts whose agent runs may go on and that nobody has given up. */
  readonly #live = new Set<number>()
  readonly #holding = new Set<number>()
  #doubt: number | undefined

  constructor(policy: Partial<AgentPolicy>) {
    this.#actor = new ScriptedActor({ kind: 'agent', id: 'a', machine: agentMachine })
    this.#policy = policy
  }

  async run(happenings: readonly Happening[]): Promise<void> {
    await this.#actor.start(agentInput(this.#policy))
    this.#check()
    for (const happening of happenings) {
      if (!this.#actor.actors.has('a')) break
      await this.#happen(happening)
      this.#check()
    }
    await this.#bringToEnd()
  }

  async #happen({ kind, pick }: Happening): Promise<void> {
    const choose = <T>(from: readonly T[]): T | undefined => from[pick % Math.max(1, from.length)]
    const owed = this.#actor.open().at(-1)
    if (kind === 'time') return this.#actor.clock.advance(choose(steps) ?? 0)
    if (kind === 'late') return this.#answerLate()
    const event =
      kind === 'command' || owed === undefined
        ? choose(commands)
        : choose(answersOf(owed, this.#actor.actors.state('a')))
    if (event === undefined) return
    if ('actorId' in event) this.#noteAnswer(owed, event)
    else this.#noteCommand(owed, event)
    await this.#actor.apply(event)
  }

  async #cancel(): Promise<void> {
    this.#noteCommand(this.#actor.open().at(-1), endings.cancel)
    await this.#actor.apply(endings.cancel)
  }

  /** What was aborted answers although nobody waits for it (I8). */
  async #answerLate(): Promise<void> {
    const before = this.#actor.records.length
    for (const call of this.#actor.calls.filter(({ signal }) => signal.aborted)) call.resolve({ kind: 'complete' })
    await this.#actor.apply({ type: 'nothing' })
    assertEqual(this.#actor.records.length, before, 'a late answer changes nothing')
  }

  #noteAnswer(owed: EffectCall | undefined, event: AnyEventObject): void {
    const kind = (event['output'] as { kind?: string } | undefined)?.kind
    if (event === slots.done) this.#holding.add(this.#attempt)
    if (event === create.done || event === reconcile.found) this.#live.add(this.#attempt)
    if (event === create.uncertain) this.#doubt = this.#attempt
    if (event === reconcile.found || event === reconcile.absent) this.#doubt = undefined
    if (owed?.src === 'watchAgentRun' && kind !== 'paused' && kind !== 'active' && event !== watch.error) {
      this.#live.delete(this.#attempt)
    }
    if (event === stop.stopped || event === settle.stopped) this.#live.delete(this.#attempt)
    if (owed?.src === 'settleAgentRun' && event !== settle.error) this.#doubt = undefined
  }

  /** A create that is under way when its state is left may still arrive. */
  #noteCommand(owed: EffectCall | undefined, { type }: AnyEventObject): void {
    if (owed?.src === 'createAgentRun' && type === 'task.cancel') this.#doubt = this.#attempt
  }

  #check(): void {
    for (const [name, params] of this.#actor.actions.slice(this.#acted)) this.#noteAction(name, params as ActionParams)
    this.#acted = this.#actor.actions.length
    for (const { event, from, to, context } of this.#actor.records.slice(this.#seen)) {
      this.#checkAttempt(Number(context['attempt']), event.type)
      const allowed = ENDS[to]
      // What a person says may change nothing but what comes next.
      if (allowed !== undefined && from !== to)
        assertEqual(allowed.includes(event.type), true, `${to} by ${event.type} (I7)`)
    }
    this.#seen = this.#actor.records.length
    const { to } = this.#actor.last
    if (WITHOUT_SLOTS.test(to) || isFinalState(to)) assertEqual([...this.#holding], [], `no slots in ${to}`)
    if (WITH_SLOTS.test(to)) assertEqual([...this.#holding], [this.#attempt], `the slots of the attempt in ${to}`)
    const open = this.#actor.open()
    assertEqual(open.length <= 1, true, 'one effect at a time')
    for (const { input } of open)
      assertEqual((input as ActionParams).attempt, this.#attempt, 'an effect of this attempt')
    assertEqual(this.#live.size <= 1, true, 'one live attempt (I1)')
    if (open[0]?.src === 'createAgentRun') assertEqual([...this.#live], [], 'no create beside a live agent run (I1)')
  }

  #noteAction(name: string, { attempt, ref, intentAt }: ActionParams): void {
    if (name === 'releaseSlots') this.#holding.delete(attempt)
    if (name === 'holdSlots') this.#holding.add(attempt)
    if (name !== 'giveUpAgentRun') return
    if (ref !== undefined) this.#live.delete(attempt)
    if ((ref ?? intentAt) !== undefined) this.#doubt = undefined
  }

  #checkAttempt(attempt: number, event: string): void {
    if (attempt === this.#attempt) return
    assertEqual([attempt, RETRIES.includes(event)], [this.#attempt + 1, true], `the next attempt by ${event}`)
    assertEqual(this.#doubt, undefined, 'no doubt is left behind (I2)')
    this.#attempt = attempt
  }

  /** Whatever happened, a cancel ends it, and nothing is left. */
  async #bringToEnd(): Promise<void> {
    if (this.#actor.actors.has('a')) await this.#cancel()
    if (this.#actor.actors.has('a')) await this.#happen({ kind: 'answer', pick: 0 })
    this.#check()
    assertEqual(this.#actor.actors.has('a'), false, 'a cancel ends every agent')
    assertEqual([[...this.#holding], [...this.#live], this.#doubt], [[], [], undefined], 'nothing is left at the end')
    assertEqual(this.#actor.clock.pending(), 0, 'no timer is left at the end')
  }
}

interface ActionParams {
  readonly attempt: number
  readonly ref?: unknown
  readonly intentAt?: number
}

function answersOf({ src, input }: EffectCall, state: string | undefined): readonly AnyEventObject[] {
  if (src === 'settleAgentRun') return Object.values(state === 'cancelling' ? settle : stop)
  if (src !== 'watchAgentRun') return answers[src] ?? []
  const { expect } = input as WatchInput
  const all = [...Object.entries(watch), ['auth', account.auth] as const, ['limit', account.limit] as const].filter(
    ([kind]) => kind !== expect && (expect !== 'end' || !/paused|active/.test(kind)),
  )
  return all.map(([, event]) => event)
}

function assertEqual(seen: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`)
}
