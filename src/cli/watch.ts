import type { CliContext } from './context.ts'
import { createRunOutput } from './create-run-output.ts'
import { dataDirOf } from './data-dir.ts'
import { readFolder, resolveRun } from './folder-access.ts'
import { pause } from './pursue-runs.ts'
import { openServer, type RunSource, type WatchSource } from './run-source.ts'
import { listenForStop, type StopRequest, untilStopped } from './stop-request.ts'
import { watchAll } from './watch-all.ts'
import { watchFolder, watchThrough } from './watch-folder.ts'
import { WatchedRun } from './watch-run.ts'
import type { Watched } from './watched.ts'

/** How long it may take to say how things stand once a stop is wished, ms. */
const PATIENCE_MS = 1000

/** The flags of `troupe watch`, as typed. */
export interface WatchFlags {
  readonly json?: boolean
  readonly fromStart?: boolean
  readonly url?: string
  readonly dataDir?: string
}

/**
 * Shows a run, or without a name all runs, as they go on: through whoever holds the folder or, where nobody does, from the disk;
 * with `--url` through a server elsewhere. Changes nothing and takes no lock. Gives the exit code: 0 when the run has ended.
 */
export async function watchCommand(context: CliContext, name: string | undefined, flags: WatchFlags): Promise<number> {
  const place = await placeOf(context, flags)
  const gone = new AbortController()
  context.stdout.onceGone(() => gone.abort())
  const stop = listenForStop(context)
  const end = { ...stop, signal: AbortSignal.any([stop.signal, gone.signal]) }
  let watched: Watched | undefined
  try {
    watched = await untilStopped(openWatched(context, name, flags, place), end)
    if (watched === undefined) return stop.exitCode()
    await place.watch(watched, end)
    if (watched.finished || gone.signal.aborted) return 0
    await watched.leave(pause(context, PATIENCE_MS))
    return stop.exitCode()
  } finally {
    stop.dispose()
    watched?.close()
  }
}

/** Where the runs are. */
interface Place {
  /** Undefined for a server elsewhere. */
  readonly dataDir: string | undefined
  read<T>(read: (source: RunSource) => Promise<T>): Promise<T>
  watch(watched: Watched, stop: StopRequest): Promise<void>
}

async function placeOf(context: CliContext, flags: WatchFlags): Promise<Place> {
  const { url } = flags
  if (url === undefined) {
    const dataDir = dataDirOf(flags, context.env)
    return {
      dataDir,
      read: (read) => readFolder(context, dataDir, read),
      watch: (watched, stop) => watchFolder({ context, watched, stop }, dataDir),
    }
  }
  const server: WatchSource = await openServer(url, context)
  return {
    dataDir: undefined,
    read: (read) => read(server),
    // The client makes a lost connection again by itself.
    watch: (watched, stop) =>
      watchThrough({ context, watched, stop }, server, {
        onDisconnect: ({ error }) => watched.note(`${error.message} It is tried again until there is one.`),
        onReconnect: () => watched.note(`${url} answers again.`),
      }),
  }
}

async function openWatched(
  context: CliContext,
  name: string | undefined,
  flags: WatchFlags,
  { dataDir, read }: Place,
): Promise<Watched> {
  const json = flags.json === true
  const fromStart = flags.fromStart === true
  if (name === undefined) return watchAll(context, json, fromStart)
  const view = await read(async (source) => source.view(await resolveRun(source, name)))
  return new WatchedRun(view, await createRunOutput(context, { json, dataDir }), fromStart)
}
