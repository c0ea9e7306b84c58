import { plus } from './domain/budget.ts'
import type { PullRequest } from './domain/report.ts'
import type { ReportedWork } from './domain/reported-work.ts'
import type { ReportedView } from './domain/views.ts'

/** How many of each a view names. */
const FILES = 100
const METRICS = 50
/** So many names of files are told apart; of those beyond each counts. */
const TOLD_APART = 10_000

interface Told {
  readonly work?: ReportedWork | undefined
  readonly pullRequests?: readonly PullRequest[] | undefined
}

/** What the reports of a run's tasks claim together. Undefined where that is nothing. */
export function totalReports(tasks: Iterable<Told>): ReportedView | undefined {
  const files = new Set<string>()
  const metrics = new Map<string, number>()
  const pullRequests = new Map<string, PullRequest>()
  const total = { files: 0, prCreated: 0, passed: 0, failed: 0, tests: 0, told: false }
  for (const { work, pullRequests: opened } of tasks) {
    for (const one of opened ?? []) pullRequests.set(one.url ?? `${one.branch} ${one.title}`, one)
    if (work === undefined) continue
    total.told = true
    total.files += noteFiles(files, work)
    if (work.prCreated === true) total.prCreated++
    noteTests(total, work)
    for (const [name, value] of Object.entries(work.metrics ?? {})) {
      if (metrics.has(name) || metrics.size < METRICS) metrics.set(name, plus(metrics.get(name) ?? 0, value))
    }
  }
  if (!total.told && pullRequests.size === 0) return undefined
  return {
    filesModified: files.size + total.files,
    files: [...files].slice(0, FILES),
    prCreated: total.prCreated,
    testsPassed: { tasks: total.passed, failed: total.failed, tests: total.tests },
    metrics: Object.fromEntries(metrics),
    pullRequests: [...pullRequests.values()],
  }
}

/** How many it counts without a name. */
function noteFiles(files: Set<string>, { files: named = [], fileCount = named.length }: ReportedWork): number {
  let unknown = Math.max(0, fileCount - named.length)
  for (const name of named) {
    if (files.size < TOLD_APART) files.add(name)
    else if (!files.has(name)) unknown++
  }
  return unknown
}

function noteTests(total: { passed: number; failed: number; tests: number }, { testsPassed }: ReportedWork): void {
  if (testsPassed === undefined) return
  if (testsPassed === false) total.failed++
  else total.passed++
  if (typeof testsPassed === 'number') total.tests += testsPassed
}
