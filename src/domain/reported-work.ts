import type { Json, JsonObject } from './json.ts'

/** What a completed agent's report claims of its work. Data from an agent: bounded, cleaned, believed by nothing. */
export interface ReportedWork {
  /** Names of changed files, as far as it listed them. */
  readonly files?: readonly string[]
  /** How many, where it gave no list or a longer one. */
  readonly fileCount?: number
  readonly prCreated?: true
  /** Whether its tests passed, or how many did. */
  readonly testsPassed?: boolean | number
  readonly metrics?: Readonly<Record<string, number>>
}

const MOST_FILES = 100
const FILE_NAME = 300
const MOST_METRICS = 32
const METRIC_NAME = 64
/** Sums of numbers up to this stay exact enough, and finite. */
const MOST = 1e15

/** What a report claims; undefined where that is nothing. */
export function reportedWork(result: Json | undefined, metrics: Json | undefined): ReportedWork | undefined {
  const said = isObject(result) ? result : {}
  const counted = countedIn(metrics)
  const work: ReportedWork = {
    ...filesIn(said['files_modified']),
    ...(isSaid(said['pr_created']) ? { prCreated: true } : {}),
    ...testsIn(said['tests_passed']),
    ...(counted === undefined ? {} : { metrics: counted }),
  }
  return Object.keys(work).length === 0 ? undefined : work
}

/** A text of an agent on one line, without what a terminal or a page would obey, at most `most` characters. */
export function cleanName(text: string, most: number): string {
  return text
    .slice(0, 2 * most)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, most)
}

function filesIn(said: Json | undefined): Pick<ReportedWork, 'files' | 'fileCount'> {
  const count = boundedNumber(said)
  if (count !== undefined) return count >= 0 ? { fileCount: Math.floor(count) } : {}
  if (!Array.isArray(said)) return {}
  const files = new Set<string>()
  for (const name of said.slice(0, MOST_FILES)) {
    const clean = typeof name === 'string' ? cleanName(name, FILE_NAME) : ''
    if (clean !== '') files.add(clean)
  }
  return { files: [...files], ...(said.length > MOST_FILES ? { fileCount: said.length } : {}) }
}

function testsIn(said: Json | undefined): Pick<ReportedWork, 'testsPassed'> {
  if (typeof said === 'boolean') return { testsPassed: said }
  const count = boundedNumber(said)
  return count === undefined || count < 0 ? {} : { testsPassed: Math.floor(count) }
}

/** A flag, a number of them, or where it is. */
function isSaid(said: Json | undefined): boolean {
  return said === true || (typeof said === 'number' && said > 0) || (typeof said === 'string' && /^https?:/.test(said))
}

function countedIn(metrics: Json | undefined): Readonly<Record<string, number>> | undefined {
  if (!isObject(metrics)) return undefined
  const counted = new Map<string, number>()
  for (const key of Object.keys(metrics)) {
    const value = boundedNumber(metrics[key])
    const name = cleanName(key, METRIC_NAME)
    if (value !== undefined && name !== '' && counted.size < MOST_METRICS) counted.set(name, value)
  }
  return counted.size === 0 ? undefined : Object.fromEntries(counted)
}

function boundedNumber(value: Json | undefined): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Math.max(-MOST, Math.min(MOST, value))
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
