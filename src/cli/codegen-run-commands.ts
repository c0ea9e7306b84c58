import { readFirstMark } from '../backends/codegen/codegen-logs.ts'
import { readKeyMetadata } from '../backends/codegen/codegen-order.ts'
import { createRepositoryFinder } from '../backends/codegen/codegen-repositories.ts'
import type { CodegenRun } from '../backends/codegen/codegen-schemas.ts'
import { isLastPage, PAGE_SIZE } from '../backends/codegen/codegen-sender.ts'
import { BackendError, UsageError } from '../domain/errors.ts'
import { formatKey } from '../domain/ids.ts'
import { realClock } from '../host/clock.ts'
import { type CodegenAccess, type CodegenFlags, withCodegen } from './codegen-account.ts'
import { writeList, writeOne } from './codegen-output.ts'
import type { CliContext } from './context.ts'

const MOST_RUNS = 1000
/** Logs that are read for runs whose metadata does not say whose they are. */
const MOST_LOGS = 20

/** Lists the newest agent runs of the token's user. Throws UsageError for a limit that is none. */
export function agentRunsCommand(
  context: CliContext,
  flags: CodegenFlags & { readonly limit: string },
): Promise<number> {
  const limit = /^\d{1,4}$/.test(flags.limit) ? Number(flags.limit) : 0
  if (limit < 1 || limit > MOST_RUNS) {
    throw new UsageError(`--limit ${flags.limit}: write a number from 1 to ${MOST_RUNS}.`)
  }
  return withCodegen(context, flags, async (codegen) => {
    const runs = await newestRuns(codegen, limit)
    const tasks = await tasksOf(codegen, runs)
    const rows = runs.map((run) => ({
      id: run.id,
      status: run.status,
      created: run.createdAt === null ? null : new Date(run.createdAt).toISOString(),
      task: tasks.get(run.id) ?? null,
      url: run.url,
    }))
    writeList(context, flags, ['id', 'status', 'created', 'task', 'url'], rows, 'There are no agent runs.')
  })
}

/** Runs that arrive meanwhile push others down: each is listed once. */
async function newestRuns({ client, signal, organization }: CodegenAccess, most: number): Promise<CodegenRun[]> {
  const own = await organization()
  const userId = (await client.me(signal)).id
  const runs = new Map<string, CodegenRun>()
  for (let skip = 0; runs.size < most; ) {
    const page = await client.list(own, { skip, limit: Math.min(PAGE_SIZE, most), userId }, signal)
    for (const run of page.items) runs.set(run.id, run)
    skip += page.items.length
    if (isLastPage(page, skip)) break
  }
  return [...runs.values()].slice(0, most)
}

/** RUN/TASK/ATTEMPT by agent run: from its metadata, else from the mark in its first message. */
async function tasksOf(
  { client, signal, organization }: CodegenAccess,
  runs: readonly CodegenRun[],
): Promise<ReadonlyMap<string, string>> {
  const tasks = new Map<string, string>()
  let logs = 0
  for (const { id, metadata } of runs) {
    const key = readKeyMetadata(metadata)
    if (key !== undefined) tasks.set(id, formatKey(key))
    if (key !== undefined || Object.keys(metadata ?? {}).length > 0 || ++logs > MOST_LOGS) continue
    const mark = await readFirstMark({ client, organization: await organization(), id }, signal).catch(ifUnreadable)
    if (mark !== undefined && mark !== 'unknown') tasks.set(id, formatKey(mark))
  }
  return tasks
}

function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof BackendError)) throw error
}

/** Stops the agents of a run, or takes the flag away that keeps them stopped. Throws UsageError for what is no id. */
export function stopCommand(
  context: CliContext,
  what: keyof typeof STOPPED,
  id: string,
  flags: CodegenFlags,
): Promise<number> {
  if (!/^\w[\w-]{0,63}$/.test(id)) {
    throw new UsageError(`'${id}' is no id of an agent run: write one as in troupe codegen ${what} 41001.`)
  }
  return withCodegen(context, flags, async ({ client, signal, organization }) => {
    const own = await organization()
    if (what === 'ban') await client.ban(own, id, signal)
    else if (what === 'unban') await client.unban(own, id, signal)
    else await client.removeFromPullRequest(own, id, signal)
    writeOne(context, flags, { id, done: what }, `Agent run ${id}: ${STOPPED[what]}`)
  })
}

const STOPPED = {
  ban: 'its pull request is flagged and its agents are stopped',
  unban: 'its pull request is no longer flagged; what was stopped stays so',
  'remove-from-pr': 'Codegen is off its pull request and its agents are stopped',
} as const

/** Starts an agent run that works out how a repository is set up. */
export function setupCommandsCommand(
  context: CliContext,
  name: string,
  flags: CodegenFlags & { readonly prompt?: string },
): Promise<number> {
  return withCodegen(context, flags, async ({ client, signal, organization }) => {
    const repository = await createRepositoryFinder(client, realClock, organization, signal)(name, signal)
    const order = { repository, prompt: flags.prompt }
    const { id, status, url } = await client.generateSetupCommands(await organization(), order, signal)
    const where = url === null ? '' : `: ${url}`
    writeOne(context, flags, { id, status, url }, `Agent run ${id} works out how ${name} is set up${where}`)
  })
}

/** Starts an agent run that looks at the setup logs of a sandbox. Throws UsageError for what is no number. */
export function analyzeLogsCommand(context: CliContext, sandbox: string, flags: CodegenFlags): Promise<number> {
  if (!/^\d{1,15}$/.test(sandbox)) throw new UsageError(`'${sandbox}' is no sandbox: write its number.`)
  return withCodegen(context, flags, async ({ client, signal, organization }) => {
    const { id, status, message } = await client.analyzeLogs(await organization(), sandbox, signal)
    const said = message === null ? '' : `: ${message}`
    writeOne(context, flags, { id, status, message }, `Agent run ${id} looks at the logs of sandbox ${sandbox}${said}`)
  })
}
