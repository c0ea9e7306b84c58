import type { RunView } from '../domain/views.ts'
import type { CliContext } from './context.ts'
import { createRunOutput } from './create-run-output.ts'
import { dataDirOf } from './data-dir.ts'
import { readFolder, resolveRun } from './folder-access.ts'
import { openServer, type RunSource, type WatchSource } from './run-source.ts'
import { listenForStop } from './stop-request.ts'
import { watchAll } from './watch-all.ts'
import { type WatchTask, watchFolder, watchThrough } from './watch-folder.ts'
import { WatchedRun } from './watch-run.ts'
import type { Watched } from './watched.ts'

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
  const stop = listenForStop(context)
  let watched: Watched | undefined
  try {
    if (flags.url === undefined) {
      const dataDir = dataDirOf(flags, context.env)
      watched = await openWatched(context, name, flags, dataDir, (read) => readFolder(context, dataDir, read))
      await watchFolder({ context, watched, stop }, dataDir)
    } else {
      const server = await openServer(flags.url, context)
      watched = await openWatched(context, name, flags, undefined, (read) => read(server))
      await watchServer({ context, watched, stop }, server, flags.url)
    }
    if (watched.finished || context.stdout.gone) return 0
    await watched.leave()
    return stop.exitCode()
  } finally {
    stop.dispose()
    watched?.close()
  }
}

async function openWatched(
  context: CliContext,
  name: string | undefined,
  flags: WatchFlags,
  dataDir: string | undefined,
  ask: (read: (source: RunSource) => Promise<RunView>) => Promise<RunView>,
): Promise<Watched> {
  const json = flags.json === true
  const fromStart = flags.fromStart === true
  if (name === undefined) return watchAll(context, json, fromStart)
  const view = await ask(async (source) => source.view(await resolveRun(source, name)))
  return new WatchedRun(view, await createRunOutput(context, { json, dataDir }), fromStart)
}

/** The client makes a lost connection again by itself. */
function watchServer(task: WatchTask, server: WatchSource, url: string): Promise<void> {
  const { watched } = task
  return watchThrough(task, server, {
    onDisconnect: ({ error }) => watched.note(`${error.message} It is tried again until there is one.`),
    onReconnect: () => watched.note(`${url} answers again.`),
  })
}
