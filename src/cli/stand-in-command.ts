import { UsageError } from '../domain/errors.ts'
import type { CliContext } from './context.ts'
import { parseLimit, parseLimits, parseSeed, parseSpeed } from './settings-flags.ts'
import { parseFault, runStandIn, type StandInCommand } from './stand-in.ts'
import { listenForStop } from './stop-request.ts'

/** The flags of `troupe stand-in`, as typed. */
export interface StandInFlags {
  readonly port: string
  readonly dataDir?: string
  readonly seed: string
  readonly speed: string
  readonly limit: readonly string[]
  readonly fault: readonly string[]
  readonly quota?: string
}

/** Serves the stand-in until a signal; that is its ordinary end. Throws UsageError. */
export async function standInCommand(context: CliContext, flags: StandInFlags): Promise<number> {
  const options = readStandInFlags(flags)
  const stop = listenForStop(context)
  try {
    await runStandIn(options, { stdout: (line) => void context.stdout.write(`${line}\n`), signal: stop.signal })
    return 0
  } finally {
    stop.dispose()
  }
}

/** What the flags mean. Throws UsageError with every mistake on its own line. */
export function readStandInFlags(flags: StandInFlags): StandInCommand {
  const wrong: string[] = []
  const read = <T>(value: T | string, otherwise: T): T => {
    if (typeof value !== 'string') return value
    wrong.push(value)
    return otherwise
  }
  const port = /^\d{1,5}$/.test(flags.port) ? Number(flags.port) : Number.NaN
  if (!(port <= 65_535)) wrong.push(`--port ${flags.port}: write a number from 0 (any free one) to 65535.`)
  const quota = flags.quota === undefined ? undefined : Number(flags.quota)
  if (quota !== undefined && !/^\d{1,9}$/.test(flags.quota ?? ''))
    wrong.push(`--quota ${flags.quota}: write a whole number.`)
  const options = {
    port,
    seed: read(parseSeed(flags.seed), 0),
    speed: read(parseSpeed(flags.speed), 1),
    limits: read(parseLimits(flags.limit, parseLimit), {}),
    faults: Object.assign({}, ...flags.fault.map((text) => read(readFault(text), {}))),
    ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }),
    ...(quota === undefined ? {} : { quota }),
  }
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'))
  return options
}

function readFault(text: string): ReturnType<typeof parseFault> | string {
  try {
    return parseFault(text)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
}
