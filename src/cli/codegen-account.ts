import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createOrganizationSource } from '../backends/codegen/codegen-account.ts'
import { type CodegenClient, createCodegenClient } from '../backends/codegen/codegen-client.ts'
import { declareCodegenLimits } from '../backends/codegen/codegen-limits.ts'
import type { StandIn } from '../backends/codegen/stand-in/stand-in.ts'
import { isEmbedded, LIVE_CODEGEN_URL, organizationNumber, readCodegenEnvironment } from '../codegen-environment.ts'
import { BackendError, DataFolderError, UsageError } from '../domain/errors.ts'
import type { Limiter } from '../domain/limiter.ts'
import { realClock } from '../host/clock.ts'
import { createLimiter } from '../limits/limiter.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { reportError } from './report-error.ts'

/** The account that the environment names, for a command that asks it something and ends. */
export interface CodegenAccess {
  readonly client: CodegenClient
  /** The stand-in of the data folder plays it. */
  readonly standIn: boolean
  /** The organization of the environment, else the token's first. */
  organization(): Promise<string>
  /** Never aborted: a signal ends the process. */
  readonly signal: AbortSignal
  close(): Promise<void>
}

/** Flags of every command that asks the account. */
export interface CodegenFlags {
  readonly dataDir?: string
  readonly json?: boolean
}

/**
 * Does something with the account and gives the exit code: 2 when the account refuses or cannot be reached. Throws UsageError
 * without an account and without a stand-in that has agent runs, DataFolderError while another process has the stand-in's file.
 */
export async function withCodegen(
  context: CliContext,
  flags: CodegenFlags,
  use: (codegen: CodegenAccess) => Promise<void>,
): Promise<number> {
  const codegen = await openCodegen(context, flags)
  if (codegen.standIn) context.stderr.write(STAND_IN_NOTE)
  try {
    await use(codegen)
    return 0
  } catch (error) {
    if (!(error instanceof BackendError)) throw error
    reportError(context, error)
    if (!error.certain) {
      context.stderr.write(
        'It may have taken effect all the same: look before you do it again (troupe codegen runs).\n',
      )
    }
    return 2
  } finally {
    await codegen.close()
  }
}

/** Opens the account of the environment, or the stand-in of the data folder. Calls are counted here alone, not with those of runs. */
export async function openCodegen(
  { env }: Pick<CliContext, 'env'>,
  flags: Pick<CodegenFlags, 'dataDir'>,
): Promise<CodegenAccess> {
  const account = readCodegenEnvironment(env)
  const given = account.organizationId === undefined ? undefined : organizationNumber(account.organizationId)
  const standIn = isEmbedded(account) ? await openStandIn(dataDirOf(flags, env)) : undefined
  const limiter = createLimiter({ clock: realClock })
  declareCodegenLimits(limiter)
  const closing = new AbortController()
  const client = createCodegenClient({
    baseUrl: account.baseUrl ?? (standIn ? STAND_IN_URL : LIVE_CODEGEN_URL),
    token: account.token ?? 'stand-in',
    clock: realClock,
    limiter,
    ...(standIn === undefined ? {} : { fetch: standIn.fetch }),
  })
  const organization = createOrganizationSource(client, given, closing.signal)
  return {
    client,
    standIn: standIn !== undefined,
    organization: () => organization(closing.signal),
    signal: closing.signal,
    close: () => close(limiter, standIn, closing),
  }
}

const STAND_IN_URL = 'http://stand-in.invalid'
const STAND_IN_NOTE =
  'Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set: this is the embedded stand-in of the data folder.\n'

async function openStandIn(dataDir: string): Promise<StandIn> {
  const folder = join(dataDir, 'stand-in')
  // Who only asks makes no folder.
  if (!existsSync(join(folder, 'runs.ndjson'))) {
    throw new UsageError(
      `Neither CODEGEN_API_TOKEN nor CODEGEN_API_BASE_URL is set, and ${dataDir} holds no agent runs of the embedded stand-in. ` +
        'Set CODEGEN_API_TOKEN to a token of the account that is meant.',
    )
  }
  const [{ createStandIn }, { openStandInStore }] = await Promise.all([
    import('../backends/codegen/stand-in/stand-in.ts'),
    import('../backends/codegen/stand-in/store-file.ts'),
  ])
  const store = await openStandInStore(folder, realClock).catch((error: unknown) => {
    if (!(error instanceof DataFolderError) || error.code !== 'data-folder-locked') throw error
    const message = `The process that holds ${dataDir} is using its embedded stand-in. Ask again when that has ended.`
    throw new DataFolderError('locked', dataDir, message, { cause: error })
  })
  return createStandIn({ clock: realClock, store })
}

async function close(limiter: Limiter, standIn: StandIn | undefined, closing: AbortController): Promise<void> {
  closing.abort(new Error('The command has ended.'))
  await limiter.close()
  await standIn?.close()
}
