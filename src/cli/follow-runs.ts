import type { ControlClient } from '../client/control-client.ts'
import type { RunRecord } from '../domain/record.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { Pursuit } from './pursuit.ts'
import { untilStopped } from './stop-request.ts'
import { openViewCache, type ViewCache } from './view-cache.ts'

/**
 * Sees the runs of a pursuit through the process that holds the folder. A wished stop only detaches. Throws HolderGoneError, or
 * ApiError `stopping`, when that process ends first.
 */
export async function followRuns(client: ControlClient, pursuit: Pursuit): Promise<void> {
  const { progress, output, stop } = pursuit
  const holder = await client.health()
  if (stop.signal.aborted) return
  await beginRuns(client, pursuit, holder.pid)
  const runs = progress.unfinished()
  const views = await openViewCache(() => Promise.all(runs.map((run) => client.view(run))))
  pursuit.watch(views.read)
  const gone = new AbortController()
  try {
    await untilStopped(Promise.all(runs.map((run) => followRun(client, pursuit, run, views, gone.signal))), stop)
  } finally {
    gone.abort()
  }
  if (!stop.signal.aborted) return
  await views.refresh()
  for (const view of views.read().filter(({ run }) => progress.unfinished().includes(run))) {
    output.finished(view, { status: view.status, reason: `Detached: the run goes on in process ${holder.pid}.` })
  }
}

async function beginRuns(client: ControlClient, pursuit: Pursuit, holder: number): Promise<void> {
  const { progress, output, verb, dataDir } = pursuit
  if (progress.begun) return void (await pursuit.begin(client))
  const seqs = verb === 'resumed' ? await seqsOfUnfinished(client) : new Map<string, number>()
  const runs = await pursuit.begin(client)
  progress.begin(new Map(runs.map((run) => [run, seqs.get(run) ?? 0])))
  if (runs.length === 0) return
  output.begun(await Promise.all(runs.map((run) => client.view(run))), verb)
  output.note(`Process ${holder} holds ${dataDir}: this goes through it, and its account settings apply.`)
}

async function seqsOfUnfinished(client: ControlClient): Promise<Map<string, number>> {
  const runs = (await client.runs()).filter(({ status }) => !isFinalState(status))
  const views = await Promise.all(runs.map(({ run }) => client.view(run)))
  return new Map(views.map(({ run, seq }) => [run, seq]))
}

async function followRun(
  client: ControlClient,
  { progress, output, stop }: Pursuit,
  run: string,
  views: ViewCache,
  gone: AbortSignal,
): Promise<void> {
  const onRecords = (records: readonly RunRecord[]) => {
    void output.records(run, records)
    progress.advance(run, records.at(-1)?.seq ?? 0)
    views.outdate()
  }
  const following = client.follow(run, progress.last(run), onRecords, gone)
  // It ends well only when it was aborted, and then nobody waits for it.
  const broken = following.then(() => new Promise<never>(() => undefined))
  const { outcome, view } = await Promise.race([client.outcome(run, gone), broken])
  await Promise.race([progress.reached(run, view.seq), broken])
  if (stop.signal.aborted) return
  progress.finish(run, outcome.exitCode)
  output.finished(view, outcome)
}
