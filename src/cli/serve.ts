import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { CODEGEN_WEBHOOK_PATH } from '../backends/codegen/webhook-signature.ts'
import type { Clock, TimerHandle } from '../domain/clock.ts'
import { UsageError } from '../domain/errors.ts'
import type { FolderHold, TakeOptions } from '../hold-folder.ts'
import { realClock } from '../host/clock.ts'
import { isFinalState } from '../machines/public-state.ts'
import { watchFolderHealth } from '../server/folder-watch.ts'
import { createLog, type Log } from '../server/log.ts'
import { createRetention, type Retention } from '../server/retention.ts'
import { type StartedServer, startServer } from '../server/start-server.ts'
import { readConfigFile } from './config-file.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { readServeSettings, type ServeFlags, type ServeSettings } from './serve-settings.ts'
import { listenForStop, type StopRequest, untilStopped } from './stop-request.ts'

/** After a stop was asked for, the process ends within this whatever hangs, ms. */
const HARD_LIMIT_MS = 9000
/** How often it is made sure that the folder is still held, ms. */
const CHECK_EVERY_MS = 5000

/**
 * Holds a data folder and serves its runs until a signal; that is its ordinary end. Throws UsageError and DataFolderError when it
 * cannot begin.
 */
export async function serveCommand(context: CliContext, flags: ServeFlags, clock: Clock = realClock): Promise<number> {
  const { serve: config } = await readConfigFile(context.cwd)
  const settings = readServeSettings(flags, config, context)
  await demandFolder(settings.workflows)
  const stop = listenForStop(context)
  let limit: TimerHandle | undefined
  stop.signal.addEventListener('abort', () => {
    limit = clock.setTimeout(() => context.exitNow(0), HARD_LIMIT_MS)
  })
  const log = createLog({
    level: settings.logLevel,
    secrets: [
      ...settings.tokens.map(({ token }) => token),
      context.env['CODEGEN_API_TOKEN'] ?? '',
      settings.webhook?.secret ?? '',
    ],
    ...(context.logLine === undefined ? {} : { write: context.logLine }),
  })
  try {
    const hold = await context.takeFolder(dataDirOf(flags, context.env), {
      intents: 'open',
      ...webhookTarget(settings),
    })
    await serveHold(context, hold, { settings, resume: flags.resume, log, stop, clock })
    return 0
  } finally {
    if (limit !== undefined) clock.clearTimeout(limit)
    stop.dispose()
  }
}

interface Serving {
  readonly settings: ServeSettings
  readonly resume: boolean
  readonly log: Log
  readonly stop: StopRequest
  readonly clock: Clock
}

async function serveHold(context: CliContext, hold: FolderHold, serving: Serving): Promise<void> {
  const { settings, log, stop, clock } = serving
  const { orchestrator, admission, views } = hold
  let restored: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    restored = resolve
  })
  let server: StartedServer | undefined
  let retention: Retention | undefined
  const lost = new AbortController()
  const folderWatch = watchFolderHealth({ orchestrator, clock, log })
  try {
    // The port is taken first: nothing is begun by a server that cannot be reached.
    server = await startServer(orchestrator, { ...settings, log, clock, ready, admission, views })
    const runs = serving.resume
      ? await untilStopped(resumeAll(hold, log), stop)
      : { resumed: [], left: unfinished(hold) }
    restored()
    if (runs && !stop.signal.aborted) {
      if (settings.retain) retention = createRetention({ orchestrator, clock, log, ...settings.retain })
      say(context, server, settings, runs)
      await Promise.race([once(stop.signal, 'abort'), untilLost(hold, clock, lost.signal)])
    }
    log.info({}, 'Stopping: no run is begun any more; agents elsewhere go on, those of this machine at the next start.')
    server.drain()
    await orchestrator
      .checkpoint()
      .catch((error: unknown) => log.warn({ err: error }, 'Not every run has a checkpoint.'))
  } finally {
    lost.abort()
    folderWatch.close()
    retention?.close()
    restored()
    await server?.close()
    await hold.close()
  }
}

/** Rejects with DataFolderError when another process has taken the folder: what this one knows is no longer so. */
function untilLost(hold: FolderHold, clock: Clock, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    let timer = clock.setTimeout(look, CHECK_EVERY_MS)
    signal.addEventListener('abort', () => clock.clearTimeout(timer), { once: true })
    function look() {
      hold.check().then(() => {
        if (!signal.aborted) timer = clock.setTimeout(look, CHECK_EVERY_MS)
      }, reject)
    }
  })
}

/** Where agent runs are to tell of their end, if anywhere. */
function webhookTarget({ webhook, webhookUrl: url }: ServeSettings): Pick<TakeOptions, 'webhook'> {
  return webhook && url ? { webhook: { url, secret: webhook.secret } } : {}
}

/** The runs that had not ended when the server came. */
interface Unfinished {
  readonly resumed: readonly string[]
  readonly left: readonly string[]
}

/** Each run that can be restored goes on; of the others the log says why not. */
async function resumeAll(hold: FolderHold, log: Log): Promise<Unfinished> {
  const { orchestrator, admission } = hold
  const resumed = new Set(await admission.admit(() => orchestrator.resume()).catch(() => []))
  for (const run of unfinished(hold).filter((run) => !resumed.has(run))) {
    try {
      for (const again of await admission.admit(() => orchestrator.resume(run))) resumed.add(again)
    } catch (error) {
      log.error({ run, err: error }, 'A run could not be restored; the others go on.')
    }
  }
  return { resumed: [...resumed], left: unfinished(hold).filter((run) => !resumed.has(run)) }
}

function unfinished({ orchestrator }: FolderHold): readonly string[] {
  return orchestrator.runs().flatMap(({ run, status }) => (isFinalState(status) ? [] : [run]))
}

function say(
  { stdout, env }: CliContext,
  { url }: StartedServer,
  { inspect, tokens, webhook, webhookUrl }: ServeSettings,
  { resumed, left }: Unfinished,
): void {
  const standIn = !env['CODEGEN_API_TOKEN'] && !env['CODEGEN_API_BASE_URL']
  const lines = [
    `troupe serve listening on ${url}`,
    `API: ${url}/docs`,
    `Machines: ${url}/machines`,
    ...(inspect ? [`Inspector: ${url}/inspect`] : []),
    ...(tokens.length > 0 ? [`Tokens: ${tokens.map(({ name, access }) => `${name} (${access})`).join(', ')}`] : []),
    ...(webhook ? [`Webhooks of Codegen: ${webhookUrl ?? `${url}${CODEGEN_WEBHOOK_PATH}`}`] : []),
    ...(standIn
      ? ['Codegen is played by the stand-in: neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set.']
      : []),
    ...(resumed.length > 0 ? [`Resumed: ${resumed.join(', ')}`] : []),
    ...(left.length > 0 ? [`Not resumed: ${left.join(', ')}`] : []),
    ...(resumed.length + left.length === 0 ? ['No run was unfinished.'] : []),
  ]
  stdout.write(`${lines.join('\n')}\n`)
}

/** Throws UsageError for a folder of workflow files that is none. */
async function demandFolder(path: string | undefined): Promise<void> {
  if (path === undefined) return
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) throw new UsageError(`The folder of workflow files ${path} is no folder that can be read.`)
}
