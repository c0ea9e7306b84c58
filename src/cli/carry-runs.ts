import { openRecordFeed, type RecordFeed } from '../api/record-feed.ts'
import type { Orchestrator, RunOutcome } from '../domain/orchestration.ts'
import type { RunView } from '../domain/views.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { FolderHold } from './context.ts'
import type { Pursuit } from './pursuit.ts'
import { untilStopped } from './stop-request.ts'

/**
 * Carries the runs of a pursuit in this process until all that it carries, also what others began through it, has settled, or a
 * stop is wished. Lets the folder go whatever happens. Throws what made it impossible to go on.
 */
export async function carryRuns(hold: FolderHold, pursuit: Pursuit): Promise<void> {
  const { orchestrator } = hold
  const { progress, stop } = pursuit
  let feed: RecordFeed | undefined
  let failure: unknown
  try {
    await beginRuns(hold, pursuit)
    const broken = new Promise<never>((_, reject) => {
      feed = feedOutput(orchestrator, pursuit, reject)
    })
    await untilStopped(Promise.race([settleAll(hold, pursuit), broken]), stop)
  } catch (error) {
    failure = error
  }
  const before = viewsOf(orchestrator, progress.unfinished())
  try {
    await hold.close()
  } catch (error) {
    failure ??= error
  }
  feed?.stop()
  finishInterrupted(pursuit, { ...before, ...viewsOf(orchestrator, progress.unfinished()) })
  if (failure !== undefined) throw failure
}

async function beginRuns({ orchestrator, admission }: FolderHold, pursuit: Pursuit): Promise<void> {
  const { progress, output, stop } = pursuit
  if (stop.signal.aborted) return
  // Restored runs go on before resume returns: what they say meanwhile belongs to what is shown.
  const firstSeqs = new Map<string, number>()
  const unsubscribe = orchestrator.subscribe((run, records) => {
    const first = records[0]
    if (first && !firstSeqs.has(run)) firstSeqs.set(run, first.seq)
  })
  try {
    const runs = await admission.admit(() => pursuit.begin(orchestrator))
    if (progress.begun) return
    const after = (run: string) =>
      pursuit.verb === 'started' ? 0 : (firstSeqs.get(run) ?? orchestrator.view(run).seq + 1) - 1
    progress.begin(new Map(runs.map((run) => [run, after(run)])))
    if (runs.length > 0) output.begun(Object.values(viewsOf(orchestrator, runs)), pursuit.verb)
  } finally {
    unsubscribe()
  }
}

function feedOutput(orchestrator: Orchestrator, pursuit: Pursuit, onError: (error: unknown) => void): RecordFeed {
  const { progress, output } = pursuit
  const runs = progress.unfinished()
  output.watch(() => Object.values(viewsOf(orchestrator, runs)))
  return openRecordFeed({
    orchestrator,
    after: new Map(runs.map((run) => [run, progress.last(run)])),
    deliver: (run, records) => {
      const patience = output.records(run, records)
      progress.advance(run, records.at(-1)?.seq ?? 0)
      return patience
    },
    onError: (_run, error) => onError(error),
  })
}

/** Resolves when nothing that this process carries can progress by itself, and nothing more is admitted. */
async function settleAll(hold: FolderHold, pursuit: Pursuit): Promise<void> {
  const { orchestrator, admission } = hold
  const { progress, output, stop } = pursuit
  const outcomes = new Map<string, RunOutcome>()
  const finish = async (run: string, outcome: RunOutcome) => {
    const view = orchestrator.view(run)
    await progress.reached(run, view.seq)
    if (stop.signal.aborted || !progress.unfinished().includes(run)) return
    progress.finish(run, outcome.exitCode)
    output.finished(view, outcome)
    const others = unsettled(admission.carried(), outcomes)
    if (progress.unfinished().length === 0 && others.length > 0) {
      output.note(`This process goes on for what others began through it: ${others.join(', ')}.`)
    }
  }
  for (;;) {
    const carried = new Set([...progress.unfinished(), ...admission.carried()])
    const before = seqsOf(orchestrator, carried)
    await Promise.all(
      [...carried].map(async (run) => {
        const outcome = await outcomeOf(orchestrator, run)
        outcomes.set(run, outcome)
        if (isFinalState(outcome.status) && progress.unfinished().includes(run)) await finish(run, outcome)
      }),
    )
    await admission.idle()
    if (stop.signal.aborted) return
    // A run that waited for a person may have been told to go on while others were waited for.
    const carriedNow = new Set([...carried, ...admission.carried()])
    if (seqsOf(orchestrator, carriedNow) === before && admission.close()) break
  }
  for (const [run, outcome] of outcomes) {
    if (progress.unfinished().includes(run)) await finish(run, outcome)
  }
}

async function outcomeOf(orchestrator: Orchestrator, run: string): Promise<RunOutcome> {
  const { status, reason } = orchestrator.view(run)
  if (!isFinalState(status)) return orchestrator.settled(run)
  const exitCode = status === 'completed' ? 0 : 1
  return { run, status, exitCode, ...(reason === undefined ? {} : { reason }) }
}

function unsettled(carried: readonly string[], outcomes: ReadonlyMap<string, RunOutcome>): readonly string[] {
  return carried.filter((run) => !outcomes.has(run))
}

function seqsOf(orchestrator: Orchestrator, runs: Iterable<string>): string {
  return JSON.stringify([...runs].map((run) => [run, orchestrator.view(run).seq]))
}

function finishInterrupted({ progress, output, stop }: Pursuit, views: Readonly<Record<string, RunView>>): void {
  for (const run of progress.unfinished()) {
    const view = views[run]
    if (!view) continue
    const reason = stop.signal.aborted ? 'Stopped. Agents that run go on at their backend.' : undefined
    output.finished(view, { status: view.status, ...(reason === undefined ? {} : { reason }) })
  }
}

/** The views that can be had; an orchestrator that was closed may have none any more. */
function viewsOf(orchestrator: Orchestrator, runs: readonly string[]): Readonly<Record<string, RunView>> {
  const views: Record<string, RunView> = {}
  for (const run of runs) {
    try {
      views[run] = orchestrator.view(run)
    } catch {}
  }
  return views
}
