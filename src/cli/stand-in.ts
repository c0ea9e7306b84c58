import { once } from 'node:events'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { FAULT_NAMES, type FaultName, type Faults } from '../backends/codegen/stand-in/faults.ts'
import { DOCUMENTED_LIMITS, type LimitName } from '../backends/codegen/stand-in/rate-windows.ts'
import { createStandIn } from '../backends/codegen/stand-in/stand-in.ts'
import type { StandInStore } from '../backends/codegen/stand-in/store.ts'
import { openStandInStore } from '../backends/codegen/stand-in/store-file.ts'
import { UsageError } from '../domain/errors.ts'
import type { RateLimit } from '../domain/workflow.ts'
import { realClock } from '../host/clock.ts'
import { toDataFolderError } from '../host/folder-trouble.ts'
import { makeFolder } from '../host/make-folder.ts'

/** What `troupe stand-in` was asked for. */
export interface StandInCommand {
  /** 0 takes a free one. */
  readonly port: number
  readonly host?: '127.0.0.1'
  /** Runs are kept in `dataDir/stand-in`; without it in memory. */
  readonly dataDir?: string
  readonly seed: number
  readonly speed: number
  /** By the name of the limit: `create`, `standard`, `logs`, ... */
  readonly limits: Readonly<Record<string, RateLimit>>
  readonly faults: Partial<Faults>
  readonly quota?: number
}

/**
 * Serves the stand-in until `signal` is aborted; prints one line when it is ready. Throws UsageError (an unknown limit, a
 * port that is taken) and DataFolderError (another stand-in writes the file).
 */
export async function runStandIn(
  options: StandInCommand,
  io: { stdout: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const { seed, speed, faults, quota, port, host = '127.0.0.1' } = options
  const limits = checkLimits(options.limits)
  const store = options.dataDir === undefined ? undefined : await openStore(options.dataDir)
  const standIn = createStandIn({
    clock: realClock,
    seed,
    speed,
    limits,
    faults,
    strict: true,
    webhooks: { deliver },
    ...(store === undefined ? {} : { store }),
    ...(quota === undefined ? {} : { quota }),
  })
  const server = createAdaptorServer({ fetch: standIn.app.fetch, overrideGlobalObjects: false })
  try {
    const taken = await listen(server, port, host)
    io.stdout(`stand-in listening on http://${host}:${taken}`)
    if (!io.signal.aborted) await once(io.signal, 'abort')
  } finally {
    await stop(server)
    await standIn.close()
  }
}

async function openStore(dataDir: string): Promise<StandInStore> {
  const folder = join(dataDir, 'stand-in')
  await makeFolder(folder).catch((error: unknown) => {
    throw toDataFolderError(error, dataDir, 'Cannot make a folder for the runs of the stand-in')
  })
  return openStandInStore(folder, realClock)
}

/** The fault of `--fault answer-lost=0.05`. Throws UsageError. */
export function parseFault(text: string): Partial<Faults> {
  const [name = '', value = ''] = text.split('=', 2)
  const probability = value.trim() === '' ? Number.NaN : Number(value)
  if (!isFaultName(name)) {
    throw new UsageError(`--fault ${text}: unknown fault '${name}'. There are: ${FAULT_NAMES.join(', ')}.`)
  }
  if (!(probability >= 0 && probability <= 1)) {
    throw new UsageError(`--fault ${text}: write a probability from 0 to 1, as in ${name}=0.05.`)
  }
  return { [name]: probability }
}

function isFaultName(name: string): name is FaultName {
  return FAULT_NAMES.some((known) => known === name)
}

function checkLimits(limits: Readonly<Record<string, RateLimit>>): Partial<Record<LimitName, RateLimit>> {
  const unknown = Object.keys(limits).find((name) => !Object.hasOwn(DOCUMENTED_LIMITS, name))
  if (unknown === undefined) return limits
  const names = Object.keys(DOCUMENTED_LIMITS).join(', ')
  throw new UsageError(`--limit ${unknown}: the stand-in has no such limit. There are: ${names}.`)
}

type AdaptorServer = ReturnType<typeof createAdaptorServer>

async function listen(server: AdaptorServer, port: number, host: string): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError(`The stand-in cannot listen on ${host}:${port}: ${reason}. Name another --port, or 0.`, {
      cause,
    })
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** Clients that keep their connection open are not waited for. */
async function stop(server: AdaptorServer): Promise<void> {
  if (!server.listening) return
  const closed = new Promise((resolve) => server.close(resolve))
  if (isHttpServer(server)) server.closeAllConnections()
  await closed
}

function isHttpServer(server: AdaptorServer): server is Server {
  return 'closeAllConnections' in server
}

async function deliver(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(10_000) })
}
