import { isEmbedded, readCodegenEnvironment } from '../codegen-environment.ts'
import { TroupeError } from '../domain/errors.ts'
import { type Check, ok, trouble } from './check.ts'
import { openCodegen } from './codegen-account.ts'
import { checkCodegen } from './codegen-checks.ts'
import { paintFor } from './colours.ts'
import { readConfigFile, type TroupeConfig } from './config-file.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { checkDataFolder } from './data-folder-check.ts'
import { checkLocal } from './local-checks.ts'
import { cutToWidth, escapeLine, padToWidth } from './terminal-text.ts'

/** The oldest Node that troupe runs on: as `engines` in package.json. */
const OLDEST_NODE = [20, 19] as const

/** Checks what troupe needs, a line a check. Gives 0 when all is well, 2 otherwise. */
export async function doctorCommand(
  context: CliContext,
  flags: { readonly dataDir?: string; readonly json?: boolean },
): Promise<number> {
  let isWell = true
  for await (const check of checks(context, flags)) {
    isWell &&= check.ok
    context.stdout.write(`${flags.json === true ? JSON.stringify(check) : lineOf(check, context)}\n`)
  }
  return isWell ? 0 : 2
}

async function* checks(context: CliContext, flags: { readonly dataDir?: string }): AsyncGenerator<Check> {
  yield checkNode(process.versions.node)
  const config = await readConfigFile(context.cwd).catch(notOurs)
  if (config instanceof TroupeError) yield trouble('settings', config.message)
  const known = config instanceof TroupeError ? undefined : config
  yield await checkDataFolder(context, dataDirOf(flags, context.env))
  yield* checkLocal(context, known)
  yield* checkAccount(context, flags, known)
}

/** Whether this Node is new enough. */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNew = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  if (isNew) return ok('node', version)
  return trouble('node', `${version} is too old: install Node ${OLDEST_NODE.join('.')} or newer.`)
}

async function* checkAccount(
  context: CliContext,
  flags: { readonly dataDir?: string },
  config: TroupeConfig | undefined,
): AsyncGenerator<Check> {
  const account = readCodegenEnvironment(context.env)
  if (isEmbedded(account)) {
    const words = 'no account is set: the embedded stand-in plays Codegen; local agents need none.'
    yield ok('codegen', `${words} Set CODEGEN_API_TOKEN to use an account.`)
    return
  }
  const codegen = await openCodegen(context, flags).catch(notOurs)
  if (codegen instanceof TroupeError) {
    yield trouble('codegen', codegen.message)
    return
  }
  try {
    yield* checkCodegen(codegen, account, context.env, config)
  } finally {
    await codegen.close()
  }
}

/** A failure on purpose is what the check found; any other is a mistake of ours. */
function notOurs(error: unknown): TroupeError {
  if (error instanceof TroupeError) return error
  throw error
}

function lineOf({ ok: isOk, check, message }: Check, { stdout, env }: CliContext): string {
  const paint = paintFor(stdout.isTerminal, env)
  const mark = isOk ? paint(padToWidth('ok', 7), 'green') : paint('trouble', 'red')
  const line = `${padToWidth(check, 15)} ${escapeLine(message)}`
  return `${mark}  ${isOk && stdout.isTerminal ? cutToWidth(line, Math.max(40, stdout.columns - 9)) : line}`
}
