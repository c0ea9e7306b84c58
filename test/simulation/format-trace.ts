import { formatKey } from '../../src/domain/ids.ts'
import type { JournalRecord, RunRecord } from '../../src/domain/record.ts'
import type { Step } from './history.ts'
import type { Simulation } from './simulation.ts'

/** Everything that happened in a seed, a line each. */
export function formatTrace({ scenario, history, violation }: Simulation): string {
  const { workflows, ...rest } = scenario
  const lines = [JSON.stringify(rest), ...workflows.map((workflow) => JSON.stringify(workflow))]
  for (const step of history.steps)
    lines.push(`${String(step.position).padStart(5)} ${clockOf(step.at)} ${describe(step)}`)
  if (violation !== undefined) lines.push(`${violation.invariant}: ${violation.message}`)
  return lines.join('\n')
}

function clockOf(ms: number): string {
  return `${(ms / 1000).toFixed(3).padStart(9)} s`
}

function describe(step: Step): string {
  switch (step.kind) {
    case 'durable':
      return `durable   ${recordLine(step.record)}`
    case 'told':
      return `told      ${step.record.seq}`
    case 'sent':
    case 'arrived':
      return `${step.kind.padEnd(9)} ${step.call}${step.key === undefined ? '' : ` ${formatKey(step.key)}`}`
    case 'answered':
      return `answered  ${step.call} ${step.status} ${step.body.replaceAll('\n', ' ').slice(0, 100)}`
    case 'created':
      return `CREATED   ${formatKey(step.key)} as ${step.id}`
    case 'prompted':
      return `PROMPTED  ${formatKey(step.key)}/${step.turn} at ${step.id}`
    case 'said':
      return `said      ${step.command} ${step.run} ${step.task}`
    case 'refused':
      return `refused   ${step.command} ${step.run} ${step.task}: ${step.why}`
    case 'disk':
      return `DISK      ${step.isFull ? 'full' : 'has room'}`
    case 'damaged':
      return `DAMAGED   ${step.what} of ${step.run}${step.seq === undefined ? '' : `, record ${step.seq}`}`
    case 'set back':
      return `SET BACK  by ${step.ms} ms`
    case 'settled':
      return `settled   ${step.run} with ${step.exitCode}: ${step.why}`
    case 'gone':
      return `GONE      ${step.how}`
    default:
      return step.kind.toUpperCase()
  }
}

function recordLine({ seq, type, actor, attempt, event, from, to, data }: JournalRecord | RunRecord): string {
  const moved = type === 'transition' ? `${from ?? ''} -> ${to} (${event})` : type
  const said = data === undefined ? '' : ` ${JSON.stringify(data).slice(0, 300)}`
  return `${seq} ${actor.id}${attempt === undefined ? '' : `#${attempt}`} ${moved}${said}`
}
