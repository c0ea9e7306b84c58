import { type AttemptKey, formatKey } from '../../../src/domain/ids.ts'
import type { JournalRecord } from '../../../src/domain/record.ts'
import { mainState } from '../../../src/machines/public-state.ts'
import type { History, RunPast, Step } from '../history.ts'
import type { Invariant } from './invariant.ts'

export const EVIDENCE: readonly Invariant[] = [
  { id: 'I7', says: 'an attempt ends by the backend’s evidence or a command', check: endsByEvidence },
  { id: 'I7', says: 'no attempt fails for reasons of our own', check: failsForAReason },
  { id: 'I8', says: 'a given-up attempt works no more', check: givenUpRests },
  { id: 'I8', says: 'a task completes once', check: completesOnce },
  { id: 'I8', says: 'a late end is recorded once, and of a given-up attempt', check: lateEndOnce },
]

const BY_COMMAND = /^task\./
/** What an attempt can only be because of its agent run. */
const WORKING = new Set(['running', 'reporting', 'recovering'])

function endsByEvidence(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.type !== 'transition') return undefined
  const { record } = step
  const { event = '', actor } = record
  const past = history.runOf(record)
  if (BY_COMMAND.test(event) && event !== 'task.cancel') {
    const last = past.lastCommand.get(actor.id)
    const was = past.actors.get(actor.id)?.seq ?? 0
    return last?.event === event && last.seq > was ? undefined : `${actor.id} took ${event}, which nobody said`
  }
  // A simulated agent is known to nobody but its process.
  if (actor.kind !== 'agent' || isSimulated(past, actor.id)) return undefined
  const key = { run: past.run, task: actor.id, attempt: record.attempt ?? 0 }
  if (event === 'xstate.done.actor.watch') return endedAtProvider(record, key, history)
  return event === 'xstate.done.actor.report' && record.to === 'completed'
    ? answeredAtProvider(record, key, history)
    : undefined
}

function isSimulated(past: RunPast, task: string): boolean {
  return past.workflow.tasks.find(({ id }) => id === task.replace(/\[\d+\]$/, ''))?.backend === 'simulated'
}

function endedAtProvider({ to, data }: JournalRecord, key: AttemptKey, { provider }: History): string | undefined {
  if (to !== 'reporting' && to !== 'recovering') return undefined
  const run = provider.runOf(key)
  const name = formatKey(key)
  if (run === undefined) return `${name} is ${to}, but no agent run of it exists`
  const status = provider.statusOf(run)
  if (to === 'reporting')
    return status === 'COMPLETE' ? undefined : `${name} is reporting, but its agent run is ${status}`
  const failure = (data?.['failure'] as { kind?: string } | undefined)?.kind
  if (failure === 'not-found') return provider.hasVanished(run) ? undefined : `${name} was taken for vanished`
  return provider.isLive(run) ? `${name} is recovering, but its agent run is ${status}` : undefined
}

/** In just that turn; where nobody knows whether its prompt arrived, in the one before. */
function answeredAtProvider({ data }: JournalRecord, key: AttemptKey, { provider }: History): string | undefined {
  const run = provider.runOf(key)
  const turn = Number(data?.['turn'] ?? 1)
  const inDoubt = JSON.stringify(data?.['steers'] ?? []).includes('"maybe"')
  const turns = inDoubt ? [turn, turn - 1] : [turn]
  if (run !== undefined && turns.some((number) => provider.hasAnswered(run, number))) return undefined
  return `${formatKey(key)} completed by a report, but its agent run has given none`
}

function givenUpRests(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.type !== 'transition') return undefined
  const { record } = step
  const { to = '', event } = record
  const past = history.runOf(record)
  const key = formatKey({ run: past.run, task: record.actor.id, attempt: record.attempt ?? 0 })
  const works = WORKING.has(mainState(to)) || (to === 'completed' && !BY_COMMAND.test(event ?? ''))
  return works && past.givenUp.has(key) ? `${key} had been given up and goes to ${to}` : undefined
}

function completesOnce(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable' || step.record.to !== 'completed') return undefined
  const { record } = step
  const before = history.runOf(record).actors.get(record.actor.id)?.completions ?? 0
  return before === 0 ? undefined : `${record.actor.id} completes for the ${before + 1}. time`
}

function lateEndOnce(step: Step, history: History): string | undefined {
  if (step.kind !== 'durable') return undefined
  const late = step.record.data?.['lateEnd'] as { holder?: string } | undefined
  if (late?.holder === undefined) return undefined
  const past = history.runOf(step.record)
  // Whoever has lost the record of giving up gives up again.
  if (past.lost.size > 0) return undefined
  if (!past.givenUp.has(late.holder)) return `the late end of ${late.holder} is told, which was never given up`
  return past.lateEnds.has(late.holder) ? `the late end of ${late.holder} is told again` : undefined
}

function failsForAReason(step: Step): string | undefined {
  if (step.kind !== 'durable') return undefined
  const failure = step.record.data?.['failure'] as { kind?: string; message?: string } | undefined
  return failure?.kind === 'internal' ? `${step.record.actor.id} failed: ${failure.message}` : undefined
}
