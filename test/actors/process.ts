import { CarriedRun } from '../../src/carried-run.ts'
import type { Limiter } from '../../src/domain/limiter.ts'
import type { JournalRecord } from '../../src/domain/record.ts'
import type { Workflow } from '../../src/domain/workflow.ts'
import { GivenUpRuns } from '../../src/given-up-runs.ts'
import type { Journal } from '../../src/host/journal.ts'
import { createMemoryJournal } from '../../src/host/memory-journal.ts'
import type { ResultStore } from '../../src/host/result-store.ts'
import { RunProjection } from '../../src/host/run-projection.ts'
import { createLimiter } from '../../src/limits/limiter.ts'
import { SharedLimits } from '../../src/shared-limits.ts'
import type { World } from './world.ts'

/** What a process carries a run with. */
export interface ProcessOptions {
  readonly world: World
  readonly workflow: Workflow
  readonly journal?: Journal
  readonly limiter?: Limiter
}

const RUN = 'run_1'

/** Results are short in these tests. */
const NO_RESULTS: ResultStore = {
  save: () => Promise.reject(new Error('No result was expected to be that long')),
  read: () => Promise.reject(new Error('No result was expected to lie in a file')),
}

/** Begins `run_1` of a workflow and lets it go on, in a process of its own. */
export function beginRun(options: ProcessOptions): CarriedRun {
  const carried = carry(options, options.journal ?? createMemoryJournal(), new RunProjection())
  carried.host.begin({ name: options.workflow.name, inputs: {}, settings: {}, standIn: false })
  carried.host.proceed()
  return carried
}

/** Restores `run_1` from the lines of a memory journal, in another process. */
export function restoreRun(options: ProcessOptions, lines: string[]): CarriedRun {
  const journal = options.journal ?? createMemoryJournal(lines)
  const projection = new RunProjection()
  for (const record of readLines(lines)) projection.fold(record)
  const carried = carry(options, journal, projection)
  carried.restore(true)
  return carried
}

/** The records of a memory journal. */
export function readLines(lines: string[]): JournalRecord[] {
  return createMemoryJournal(lines).read()
}

function carry(options: ProcessOptions, journal: Journal, projection: RunProjection): CarriedRun {
  const { world, workflow } = options
  const limiter = options.limiter ?? createLimiter({ clock: world.clock })
  const backend = world.backend()
  return new CarriedRun({
    run: RUN,
    workflow,
    inputs: {},
    settings: {},
    seed: 1,
    clock: world.clock,
    limiter,
    shared: new SharedLimits(limiter),
    givenUp: new GivenUpRuns(limiter, world.clock),
    journal,
    projection,
    results: NO_RESULTS,
    backend: () => backend,
    onBlocked: () => {},
    onOpened: () => {},
    gate: Promise.resolve(),
  })
}
