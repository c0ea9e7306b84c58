import type { Json, JsonObject } from '../domain/json.ts'
import type { RunRecord } from '../domain/record.ts'
import { cutToWidth, escapeLine } from './terminal-text.ts'

const MAX_TEXT = 300

/** A record as one line for a person: `12:00:01 spec running -> reporting`. The time is UTC. */
export function plainLine(record: RunRecord, showRun = false): string {
  const time = record.at.slice(11, 19)
  const who = record.task ?? record.actor.id
  const line = `${time} ${showRun ? `${record.run} ` : ''}${who} ${whatOf(record)}`
  const detail = detailOf(record.data)
  return escapeLine(detail === '' ? line : `${line}: ${detail}`)
}

function whatOf(record: RunRecord): string {
  const attempt = record.attempt !== undefined && record.attempt > 1 ? ` (attempt ${record.attempt})` : ''
  if (record.to !== undefined) {
    const path = [record.from, ...(record.via ?? []), record.to].filter((state) => state !== undefined)
    return `${record.from === undefined ? '-> ' : ''}${path.join(' -> ')}${attempt}`
  }
  if (record.type === 'alert') return `alert${attempt}`
  return `${record.type}${record.event === undefined ? '' : ` ${record.event}`}${attempt}`
}

/** The one thing of a record's data that says most to a person. */
function detailOf(data: JsonObject | undefined): string {
  if (!data) return ''
  const failure = isObject(data['failure']) ? data['failure']['message'] : undefined
  const url = isObject(data['ref']) ? data['ref']['url'] : undefined
  const progress = data['progress']
  const told = [data['message'], failure, data['reason'], data['note'], data['late'], url]
  const said = [...told, data['command'], data['name'], progress]
  const first = said.find((value) => (typeof value === 'string' && value !== '') || typeof value === 'number')
  return first === undefined ? '' : cutToWidth(escapeLine(String(first)), MAX_TEXT)
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
