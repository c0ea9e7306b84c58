/** How each effect can end, as the files of src/actors do it. */
import type { ActorState } from './machine-steps.ts'
import { change, type Next, refTo, send, TROUBLE } from './provider-steps.ts'
import type { RunModel } from './run-model.ts'
import { including, keyOf, MANAGER, NAMES, TASKS, type World } from './world.ts'

interface Owing {
  readonly model: RunModel
  readonly world: World
  readonly actor: number
  readonly state: ActorState
  readonly owed: NonNullable<ActorState['owed']>
  readonly key: string
}

type Details = Readonly<Record<string, unknown>>

export function effectSteps(model: RunModel, world: World): Next[] {
  return [MANAGER, ...TASKS].flatMap((actor) => {
    const state = model.live(world, actor)
    if (state?.owed === undefined) return []
    const owing = { model, world, actor, state, owed: state.owed, key: keyOf(actor, state.context['attempt']) }
    const steps = STEPS[state.owed.src]
    if (steps === undefined) throw new Error(`The effect ${state.owed.src} is not modelled`)
    return steps(owing)
  })
}

function ends(
  { model, world, actor, owed }: Owing,
  how: 'done' | 'error',
  details: Details,
  spends?: keyof World['left'],
): Next[] {
  const said = String(details['kind'] ?? details['note'] ?? '')
  const label = `${owed.src} of ${NAMES[actor]} is ${how}${said === '' ? '' : `: ${said}`}`
  return change(world, label, spends, (next) => model.answer(next, actor, how, details))
}

const STEPS: Readonly<Record<string, (owing: Owing) => Next[]>> = {
  acquireSlots(owing) {
    const { model, world, actor, key } = owing
    const held = world.holders.filter((holder) => holder !== key && !holder.startsWith('manager/')).length
    const isFull = actor !== MANAGER && held >= model.options.concurrency
    if (isFull || model.isPaused(world)) return []
    return change(world, `${key} gets its place`, undefined, (next) => {
      next.holders = including(next.holders, key)
      model.answer(next, actor, 'done', { at: 1 })
    })
  },

  createAgentRun(owing) {
    const { model, world, actor, key } = owing
    if (world.phases[actor] === 'sent' || !model.isDurable(world, actor)) return []
    if (world.phases[actor] === 'restarted')
      return ends(owing, 'error', { kind: 'unknown-outcome', certain: false, ...TROUBLE })
    return change(world, `create ${key} leaves`, undefined, (next) =>
      send(model, next, actor, { kind: 'create', key, turn: 1, at: 'there', isLate: false }),
    )
  },

  reconcileAgentRun(owing) {
    const found = search(owing)
    if (found === 'found') return ends(owing, 'done', { kind: 'found', ref: refTo(owing.key) })
    const unknown = ends(owing, 'done', { kind: 'unknown', reason: 'The list cannot be read' }, 'unreadable')
    return found === 'absent' ? [...ends(owing, 'done', { kind: 'absent' }), ...unknown] : unknown
  },

  watchAgentRun(owing) {
    const { world, owed, key } = owing
    const { turn, expect, doubtful } = owed.input as { turn: number; expect: string; doubtful?: true }
    const run = world.runs.find((candidate) => candidate.key === key)
    // Where nobody knows whether the prompt arrived, the end of the turn before counts, too.
    if (run === undefined || run.turn < (doubtful ? turn - 1 : turn)) return []
    if (run.status === 'complete' || run.status === 'failed')
      return ends(owing, 'done', { kind: run.status, rawStatus: run.status })
    return expect === 'end' || run.status === expect
      ? []
      : ends(owing, 'done', { kind: run.status, rawStatus: run.status })
  },

  checkWork(owing) {
    const { round, of } = owing.owed.input
    const check = { round, of, command: ['npm', 'test'], exitCode: 1, output: 'It broke', ms: 1 }
    return [
      ...ends(owing, 'done', { ...check, kind: 'passed' }),
      ...ends(owing, 'done', { ...check, kind: 'failed' }, 'failure'),
    ]
  },

  readReport(owing) {
    const report = { result: 'Done', pullRequests: [] }
    const failed = { kind: 'reported', message: 'It failed', retryable: true, certain: true }
    const unfit = { ...failed, kind: 'invalid-report', message: 'It does not fit' }
    const misfits = owing.actor === MANAGER ? [] : ends(owing, 'error', unfit, 'failure')
    return [...ends(owing, 'done', report), ...ends(owing, 'error', failed, 'failure'), ...misfits]
  },

  diagnoseFailure(owing) {
    return ends(owing, 'done', owing.owed.input['failure'] as Details)
  },

  settleAgentRun(owing) {
    const { ref, intentAt } = owing.owed.input as { ref?: object; intentAt?: number }
    if (ref === undefined && intentAt !== undefined) {
      const unknown = { note: 'An agent may have been created', stillRunning: true }
      const inDoubt = ends(owing, 'done', unknown, 'unreadable')
      const found = search(owing)
      if (found === 'found') return ends(owing, 'done', ended(owing, refTo(owing.key)))
      return found === 'absent' ? [...nothing(owing), ...inDoubt] : inDoubt
    }
    return ref === undefined ? nothing(owing) : ends(owing, 'done', ended(owing, ref))
  },

  promptAgentRun(owing) {
    const { model, world, actor, owed, key } = owing
    const { turn, message } = owed.input as { turn: number; message?: { kind: string } }
    if (world.phases[actor] === 'sent' || !model.isDurable(world, actor)) return []
    const isInDoubt = world.phases[actor] !== 'new'
    const run = world.runs.find((candidate) => candidate.key === key)
    if (isInDoubt && run !== undefined && run.turn >= turn) return ends(owing, 'done', {})
    // Absent only counts once nothing can arrive any more.
    if (isInDoubt && isOnItsWay(owing, 'prompt')) return []
    // What a person says unasked is never sent again.
    if (isInDoubt && message?.kind === 'steer') return ends(owing, 'done', { certain: false })
    return change(world, `prompt ${key}/${turn} leaves`, undefined, (next) =>
      send(model, next, actor, { kind: 'prompt', key, turn, at: 'there', isLate: false }),
    )
  },

  awaitNews(owing) {
    const { model, world, owed } = owing
    const { toldUpTo } = owed.input as { toldUpTo: number }
    const upTo = TASKS.filter((task) => model.isSettled(world, task)).length
    const news = { upTo, changed: upTo > toldUpTo, final: model.isFinishing(world) }
    return news.changed || news.final ? ends(owing, 'done', news) : []
  },
}

/** What a list says of a key, read until nothing can arrive or appear any more: that is what the grace time is for. */
function search(owing: Owing): 'found' | 'absent' | 'not yet' {
  const { model, world, key } = owing
  const made = world.runs.filter((run) => run.key === key)
  if (made.some(({ isUnlisted }) => isUnlisted !== true)) return 'found'
  const mayAppear = made.length > 0 || isOnItsWay(owing, 'create')
  return mayAppear && model.options.isHasty !== true ? 'not yet' : 'absent'
}

function isOnItsWay({ world, key }: Owing, kind: 'create' | 'prompt'): boolean {
  return world.messages.some((message) => message.kind === kind && message.key === key && message.at === 'there')
}

function nothing(owing: Owing): Next[] {
  return ends(owing, 'done', { note: 'Nothing had been created', stillRunning: false })
}

function ended({ world, key }: Owing, ref: object): Details {
  const status = world.runs.find((run) => run.key === key)?.status
  const stillRunning = status === 'active' || status === 'paused'
  return { note: stillRunning ? 'It goes on' : 'It had ended', ref, stillRunning }
}
