import { formatKey, MANAGER } from '../../../src/domain/ids.ts'
import type { History, RunPast, Step } from '../history.ts'
import type { Invariant } from './invariant.ts'

const isLost = (past: RunPast | undefined, key: string) => past === undefined || !past.mayBeUnknown.has(key)

export const ONE_AGENT: readonly Invariant[] = [
  { id: 'I1', says: 'a second agent works beside another only by explicit choice', check: workAlone },
  { id: 'I1', says: 'only the newest attempt of a task moves', check: newestAttemptMoves },
  { id: 'I2', says: 'no key is created twice', check: createdOnce },
  { id: 'I2', says: 'no turn is sent twice', check: promptedOnce },
  { id: 'I2', says: 'every agent run is owned by its attempt', check: allOwned },
  { id: 'I3', says: 'no create and no prompt leaves before its intent is durable', check: intentFirst },
]

function workAlone(step: Step, { provider, runs }: History): string | undefined {
  if (step.kind !== 'created' || step.key.task === MANAGER) return undefined
  const { run, task, attempt } = step.key
  const past = runs.get(run)
  const others = [...provider.runs.values()].filter(
    ({ id, key }) => id !== step.id && key?.run === run && key.task === task && key.attempt !== attempt,
  )
  const live = others.find((other) => provider.isLive(other))
  if (live === undefined) return undefined
  const spec = past?.workflow.tasks.find(({ id }) => id === task.replace(/\[\d+\]$/, ''))
  const asked = past?.retried.has(`${task}/${live.key?.attempt}`)
  if (asked || spec?.retry.onTimeout) return undefined
  return `${formatKey(step.key)} was created while ${live.name} is ${provider.statusOf(live)}`
}

function newestAttemptMoves(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.type !== 'transition') return undefined
  const { record } = step
  const before = history.runOf(record).actors.get(record.actor.id)
  if (before === undefined || (record.attempt ?? 0) >= before.attempt) return undefined
  return `${record.actor.id} moved to ${record.to} in attempt ${record.attempt} after attempt ${before.attempt}`
}

function createdOnce(step: Step, { creations }: History): string | undefined {
  if (step.kind !== 'created' || !creations.has(formatKey(step.key))) return undefined
  return `${formatKey(step.key)} was created a second time`
}

function promptedOnce(step: Step, { turns }: History): string | undefined {
  if (step.kind !== 'prompted' || !turns.has(`${formatKey(step.key)}/${step.turn}`)) return undefined
  return `turn ${step.turn} of ${formatKey(step.key)} was sent a second time`
}

/** At the end: an agent run whose id no record names is lost, unless its attempt was given up in doubt and says so. */
function allOwned(step: Step, { provider, runs }: History): string | undefined {
  if (step.kind !== 'end') return undefined
  for (const { id, key, name } of provider.runs.values()) {
    if (key === undefined) continue
    const past = runs.get(key.run)
    if (past?.owned.get(name) === String(id)) continue
    if (isLost(past, name)) return `agent run ${id} of ${name} is known to nobody`
  }
  return undefined
}

function intentFirst(step: Step, { runs }: History): string | undefined {
  if (step.kind !== 'sent' || (step.call !== 'create' && step.call !== 'resume') || step.key === undefined)
    return undefined
  const { run, task, attempt } = step.key
  const name = step.call === 'create' ? `${task}/${attempt}` : `${task}/${attempt}/${step.turn}`
  return runs.get(run)?.intents.has(name)
    ? undefined
    : `the ${step.call} of ${name} left, but no record of it is durable`
}
