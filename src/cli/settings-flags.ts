import { DOCUMENTED_LIMITS } from '../backends/codegen/stand-in/rate-windows.ts'
import { UsageError } from '../domain/errors.ts'
import type { RunSettings } from '../domain/orchestration.ts'
import type { RateLimit } from '../domain/workflow.ts'
import { BACKEND_NAME } from '../workflow/backend-names.ts'
import { DURATION_HINT, parseDuration, parseRateLimit } from '../workflow/duration.ts'

const LIMITS: readonly string[] = Object.keys(DOCUMENTED_LIMITS).map((name) => `codegen.${name}`)

/** The flags of `run` and `resume` that say how a run is carried out, as typed. */
export interface SettingsFlags {
  readonly backend?: string
  readonly limit?: readonly string[]
  readonly grace?: string
  readonly speed?: string
  readonly seed?: string
  readonly yes?: boolean
}

/** The settings that the flags mean; only what was given. Throws UsageError with every mistake on its own line. */
export function parseSettings(flags: SettingsFlags): RunSettings {
  const wrong: string[] = []
  const read = <T>(value: T | string): T | undefined => {
    if (typeof value !== 'string') return value
    wrong.push(value)
    return undefined
  }
  const limits = read(parseLimits(flags.limit ?? [], parseRunLimit))
  const graceMs = flags.grace === undefined ? undefined : read(parseGrace(flags.grace))
  const speed = flags.speed === undefined ? undefined : read(parseSpeed(flags.speed))
  const seed = flags.seed === undefined ? undefined : read(parseSeed(flags.seed))
  if (flags.backend !== undefined && !BACKEND_NAME.test(flags.backend)) {
    wrong.push(
      `--backend ${flags.backend}: there is no such backend. There are: codegen, simulated, command:NAME, acp:NAME.`,
    )
  }
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'))
  return {
    ...(flags.backend === undefined ? {} : { backend: flags.backend }),
    ...(limits === undefined || Object.keys(limits).length === 0 ? {} : { limits }),
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(speed === undefined ? {} : { speed }),
    ...(seed === undefined ? {} : { seed }),
    ...(flags.yes === true ? { yes: true } : {}),
  }
}

/** `K=V` flags as limits by name, or what is wrong with them. */
export function parseLimits(
  texts: readonly string[],
  parse: (text: string) => readonly [name: string, limit: RateLimit] | string,
): Readonly<Record<string, RateLimit>> | string {
  const parsed = texts.map(parse)
  const wrong = parsed.filter((entry) => typeof entry === 'string')
  if (wrong.length > 0) return wrong.join('\n')
  return Object.fromEntries(parsed.filter((entry) => typeof entry !== 'string'))
}

/** `create=600/1m`, as the stand-in takes it, or what is wrong with it. */
export function parseLimit(text: string): readonly [name: string, limit: RateLimit] | string {
  const equals = text.indexOf('=')
  const limit = equals < 1 ? undefined : parseRateLimit(text.slice(equals + 1))
  if (limit !== undefined) return [text.slice(0, equals), limit]
  return `--limit ${text}: write a limit's name and calls in a window, as in create=600/1m, or none instead of 600/1m.`
}

/** A positive number, or what is wrong with it. */
export function parseSpeed(text: string): number | string {
  const speed = text.trim() === '' ? Number.NaN : Number(text)
  return speed > 0 && Number.isFinite(speed) ? speed : `--speed ${text}: write a number above 0, such as 60.`
}

/** A whole number, or what is wrong with it. */
export function parseSeed(text: string): number | string {
  const seed = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(seed) ? seed : `--seed ${text}: write a whole number.`
}

function parseRunLimit(text: string): readonly [name: string, limit: RateLimit] | string {
  const parsed = parseLimit(text)
  if (typeof parsed === 'string' || !/^[a-z][\w-]*\.[\w-]+$/i.test(parsed[0])) {
    return `--limit ${text}: write BACKEND.BUCKET=CALLS/WINDOW, as in codegen.create=600/1m, or codegen.create=none.`
  }
  if (LIMITS.includes(parsed[0])) return parsed
  return `--limit ${text}: there is no limit '${parsed[0]}'. There are: ${LIMITS.join(', ')}.`
}

function parseGrace(text: string): number | string {
  if (text === '0') return 0
  return parseDuration(text) ?? `--grace ${text}: ${DURATION_HINT}.`
}
