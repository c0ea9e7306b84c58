import { isFinalState } from '../../../src/machines/public-state.ts'
import type { History, Step } from '../history.ts'
import type { Invariant } from './invariant.ts'

export const RECORDS: readonly Invariant[] = [
  { id: 'I9', says: 'records are gap-free on the disk', check: gapFree },
  { id: 'I9', says: 'each record is told once, in order, after it is durable', check: toldOnce },
  { id: 'I9', says: 'a refused command leaves no record', check: noRefusedCommand },
  { id: 'I12', says: 'each actor goes on where its last record left it', check: goesOn },
  { id: 'I12', says: 'nothing goes on because a run was restored', check: restsWhenClosed },
]

function gapFree(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable') return undefined
  const { seq } = history.runOf(step.record)
  return step.record.seq === seq + 1 ? undefined : `record ${step.record.seq} follows record ${seq}`
}

function toldOnce(step: Step, history: History): string | undefined {
  if (step.kind !== 'told') return undefined
  const { record } = step
  const past = history.runOf(record)
  if (record.seq <= past.told) return `record ${record.seq} was told again after record ${past.told}`
  const durable = past.records[record.seq - 1]
  if (durable === undefined) return `record ${record.seq} was told before it was durable`
  const { host: _host, ...own } = durable
  return JSON.stringify(own) === JSON.stringify(record)
    ? undefined
    : `record ${record.seq} was told otherwise than it is kept`
}

function noRefusedCommand(step: Step, history: History): string | undefined {
  if (step.kind !== 'end') return undefined
  for (const past of history.runs.values()) {
    for (const [command, times] of past.commands) {
      const given = history.given.get(`${past.run} ${command}`) ?? 0
      if (times > given) return `'${command.trim()}' is recorded ${times} times and was given ${given} times`
    }
  }
  return undefined
}

function goesOn(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.type !== 'transition') return undefined
  const { record } = step
  const { id } = record.actor
  const past = history.runOf(record)
  // It was written before the damage took what was before it.
  if (step.isOld && past.lost.size > 0) return undefined
  const before = past.actors.get(id)
  if (before?.state !== record.from) {
    return `${id} goes from ${record.from ?? 'nothing'} to ${record.to}, but was ${before?.state ?? 'nothing'}`
  }
  if (before !== undefined && isFinalState(before.state)) return `${id} had ended and goes on to ${record.to}`
  const n = record.host?.n ?? 0
  return n === (before?.n ?? 0) + 1 ? undefined : `step ${n} of ${id} follows step ${before?.n ?? 0}`
}

/** A process that only came to say something restores the run, and lets no effect begin. */
function restsWhenClosed(step: Step, { intents }: History): string | undefined {
  if (intents === 'open') return undefined
  if (step.kind === 'sent' && (step.call === 'create' || step.call === 'resume')) {
    return `a ${step.call} leaves although intents are closed`
  }
  if (step.kind !== 'durable' || step.isOld || !/^xstate\.(done|error)\.actor\./.test(step.record.event ?? ''))
    return undefined
  return `${step.record.actor.id} goes on by ${step.record.event} although intents are closed`
}
