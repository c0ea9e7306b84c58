import { openRecordFeed, type RecordFeed } from '../api/record-feed.ts'
import type { RunViews } from '../api/run-views.ts'
import { DataFolderError } from '../domain/errors.ts'
import type { RunOutcome } from '../domain/orchestration.ts'
import type { RunView } from '../domain/views.ts'
import type { FolderHold } from '../hold-folder.ts'
import { isFinalState } from '../machines/public-state.ts'
import { askPerson } from './ask-person.ts'
import type { Pursuit } from './pursuit.ts'
import { untilStopped } from './stop-request.ts'

/**
 * Carries the runs of a pursuit in this process until all that it carries, also what others began through it, has settled, or a
 * stop is wished. Lets the folder go whatever happens. Throws what made it impossible to go on.
 */
export async function carryRuns(hold: FolderHold, pursuit: Pursuit): Promise<void> {
  const { progress, stop } = pursuit
  let feed: RecordFeed | undefined
  let failure: unknown
  try {
    await beginRuns(hold, pursuit)
    const broken = new Promise<never>((_, reject) => {
      feed = feedOutput(hold, pursuit, reject)
    })
    await untilStopped(Promise.race([settleAll(hold, pursuit), broken]), stop)
  } catch (error) {
    failure = error
  }
  const before = await lastViews(hold, progress.unfinished())
  try {
    await hold.close()
  } catch (error) {
    // That the folder cannot be written to was said where the run stopped for it.
    if (!(error instanceof DataFolderError) || progress.worst() !== 2) failure ??= error
  }
  feed?.stop()
  finishInterrupted(pursuit, new Map([...before, ...(await lastViews(hold, progress.unfinished()))]))
  if (failure !== undefined) throw failure
}

async function beginRuns({ orchestrator, views, admission }: FolderHold, pursuit: Pursuit): Promise<void> {
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
    if (progress.begun) return output.note('The process that carried this has ended: this one goes on.')
    const begun = await Promise.all(runs.map((run) => views.read(run)))
    const after = ({ run, seq }: RunView) => (pursuit.verb === 'started' ? 0 : (firstSeqs.get(run) ?? seq + 1) - 1)
    progress.begin(new Map(begun.map((view) => [view.run, after(view)])))
    if (begun.length > 0) output.begun(begun, pursuit.verb)
  } finally {
    unsubscribe()
  }
}

function feedOutput(
  { orchestrator, views }: FolderHold,
  pursuit: Pursuit,
  onError: (error: unknown) => void,
): RecordFeed {
  const { progress, output } = pursuit
  const runs = progress.unfinished()
  pursuit.watch(() => runs.flatMap((run) => views.carried(run) ?? []))
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

/** Whether a person at the terminal answered what the runs wait for. */
async function askedOn(
  { orchestrator }: FolderHold,
  { question, output, progress }: Pursuit,
  outcomes: ReadonlyMap<string, RunOutcome>,
): Promise<boolean> {
  if (question === undefined) return false
  let answered = false
  for (const { run, exitCode } of outcomes.values()) {
    if (exitCode !== 3 || !progress.unfinished().includes(run)) continue
    if (await output.aside(() => askPerson(orchestrator, run, question))) answered = true
  }
  return answered
}

/** Resolves when nothing that this process carries can progress by itself, and nothing more is admitted. */
async function settleAll(hold: FolderHold, pursuit: Pursuit): Promise<void> {
  const { views, admission } = hold
  const { progress, stop } = pursuit
  const outcomes = new Map<string, RunOutcome>()
  const settle = async (run: string) => {
    const outcome = await views.outcome(run)
    outcomes.set(run, outcome)
    if (!isFinalState(outcome.status) || !progress.unfinished().includes(run)) return
    await finish(hold, pursuit, outcome)
    sayWhatIsLeft(hold, pursuit)
  }
  const carried = () => new Set([...progress.unfinished(), ...admission.carried()])
  for (;;) {
    const runs = carried()
    const before = seqsOf(views, runs)
    await Promise.all([...runs].map(settle))
    await admission.idle()
    if (stop.signal.aborted) return
    // A run that waited for a person may have been told to go on while others were waited for.
    if (seqsOf(views, new Set([...runs, ...carried()])) !== before) continue
    if (await askedOn(hold, pursuit, outcomes)) continue
    if (admission.close()) break
  }
  for (const outcome of outcomes.values()) await finish(hold, pursuit, outcome)
}

/** Shows the end of a run of ours, once all its records were shown. */
async function finish({ views }: FolderHold, pursuit: Pursuit, outcome: RunOutcome): Promise<void> {
  const { progress, output, stop } = pursuit
  const isOurs = () => progress.unfinished().includes(outcome.run)
  if (!isOurs()) return
  const view = await views.read(outcome.run)
  await progress.reached(outcome.run, view.seq)
  if (stop.signal.aborted || !isOurs()) return
  progress.finish(outcome.run, outcome.exitCode)
  output.finished(view, outcome)
}

/** Says why the process does not end although what it was started for has. */
function sayWhatIsLeft({ views, admission }: FolderHold, { progress, output }: Pursuit): void {
  // What is not in memory any more ended long ago.
  const isOther = (run: string) =>
    !progress.runs().includes(run) && !isFinalState(views.carried(run)?.status ?? 'completed')
  const others = admission.carried().filter(isOther)
  if (progress.unfinished().length > 0 || others.length === 0) return
  output.note(`This process goes on for what else was begun through it: ${others.join(', ')}.`)
}

function seqsOf(views: RunViews, runs: Iterable<string>): string {
  return JSON.stringify([...runs].map((run) => [run, views.carried(run)?.seq]))
}

function finishInterrupted({ progress, output, stop }: Pursuit, views: ReadonlyMap<string, RunView>): void {
  for (const run of progress.unfinished()) {
    const view = views.get(run)
    if (!view) continue
    const reason = stop.signal.aborted ? stoppedText(view) : undefined
    output.finished(view, { status: view.status, ...(reason === undefined ? {} : { reason }) })
  }
}

function stoppedText({ tasks }: RunView): string {
  if (!tasks.some(({ agent }) => agent !== undefined)) return 'Stopped. Agents that run go on at their backend.'
  return 'Stopped, and with it the agents of this machine: each goes on where it was when the run is resumed.'
}

/** The views that can be had; an orchestrator that was closed may have none any more, and a folder may be lost. */
async function lastViews({ views }: FolderHold, runs: readonly string[]): Promise<ReadonlyMap<string, RunView>> {
  const found = await Promise.all(runs.map((run) => views.read(run).catch(() => undefined)))
  return new Map(found.flatMap((view) => (view ? [[view.run, view] as const] : [])))
}
