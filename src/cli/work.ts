import { UsageError } from '../domain/errors.ts'
import { type AttemptWork, uncarriedWork } from '../domain/local-work.ts'
import type { RunSummary } from '../domain/views.ts'
import { dataFolderAt } from '../host/data-folder.ts'
import { isFinalState } from '../machines/public-state.ts'
import { type CleanedWork, cleanWork } from './clean-work.ts'
import { paintFor } from './colours.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { readFolder, resolveRun } from './folder-access.ts'
import { troupeLine } from './next-commands.ts'
import { openServer } from './run-source.ts'
import { takeOversOf } from './take-over.ts'
import { escapeLine } from './terminal-text.ts'
import { attemptLines, takeOverLines } from './work-text.ts'

/** The flags of `troupe work`. */
export interface WorkFlags {
  readonly json?: boolean
  readonly clean?: boolean
  readonly url?: string
  readonly dataDir?: string
}

/** What a run's local agents did, and which run that is. */
interface RunWork extends Pick<RunSummary, 'run' | 'name' | 'status'> {
  readonly attempts: readonly AttemptWork[]
}

/** Says what local agents did in a run and how it is taken over; with `--clean` removes what nobody needs any more. Needs no lock. */
export async function workCommand(context: CliContext, name: string, flags: WorkFlags): Promise<number> {
  if (flags.clean === true && flags.url !== undefined) {
    throw new UsageError('--clean belongs to the machine that the work is on: say it there, without --url.')
  }
  const found = await readWork(context, name, flags)
  return flags.clean === true ? clean(context, found, flags) : tell(context, found, flags)
}

async function readWork(context: CliContext, name: string, flags: WorkFlags): Promise<RunWork> {
  if (flags.url !== undefined) {
    const server = await openServer(flags.url, context)
    const run = await resolveRun(server, name)
    const view = await server.view(run)
    return { run, name: view.name, status: view.status, attempts: await server.work(run) }
  }
  // The notes are durable before anything follows from them: whoever holds the folder knows no more.
  const dataDir = dataDirOf(flags, context.env)
  const reader = await context.openReader(dataDir)
  const run = await resolveRun(reader, name)
  const { name: title, status } = await reader.view(run)
  const goesOn = !isFinalState(status) && (await isCarried(context, dataDir, run))
  const attempts = await reader.workOf(run)
  return { run, name: title, status, attempts: goesOn ? attempts : uncarriedWork(attempts) }
}

/** Whether a process carries the run: its notes do not know whether that lives. */
function isCarried(context: CliContext, dataDir: string, run: string): Promise<boolean> {
  return readFolder(context, dataDir, async (source, isHeld) => isHeld && (await source.view(run)).carried !== false)
}

async function tell(context: CliContext, found: RunWork, flags: WorkFlags): Promise<number> {
  const { stdout, env } = context
  const { run, name, status, attempts } = found
  // The repositories of a server are not here.
  const takeOver =
    flags.url === undefined && attempts.length > 0 ? await takeOversOf(await context.openLocal(), attempts) : []
  if (flags.json === true) {
    stdout.write(`${JSON.stringify({ run, status, attempts, takeOver })}\n`)
    return 0
  }
  const paint = paintFor(stdout.isTerminal, env)
  const lines = [
    `${paint(run, 'bold')} ${escapeLine(name)}, ${status}`,
    ...attempts.flatMap((attempt) => attemptLines(attempt, paint)),
    ...(attempts.length === 0 ? ['No local agent was used in it.'] : []),
    ...takeOverLines(takeOver, paint),
  ]
  if (attempts.length > 0 && flags.url === undefined && isFinalState(status)) {
    const again = troupeLine(`work ${run} --clean`, dataDirOf(flags, env))
    lines.push('', `Then, to remove worktrees and branches that are merged: ${again}`)
  }
  stdout.write(`${lines.join('\n')}\n`)
  return 0
}

async function clean(context: CliContext, { run, status, attempts }: RunWork, flags: WorkFlags): Promise<number> {
  if (!isFinalState(status)) {
    throw new UsageError(
      `${run} is ${status}: its worktrees and branches are still needed. Clean it when it has ended.`,
    )
  }
  const runFolder = dataFolderAt(dataDirOf(flags, context.env)).runFolder(run)
  const cleaned = await cleanWork(await context.openLocal(), { run, runFolder }, attempts)
  const text = flags.json === true ? JSON.stringify({ run, ...cleaned }) : cleanedText(cleaned)
  context.stdout.write(`${text}\n`)
  return 0
}

function cleanedText({ worktrees, branches, left }: CleanedWork): string {
  const lines = [
    ...worktrees.map((path) => `Removed the worktree ${path}`),
    ...branches.map((branch) => `Removed the branch ${branch}`),
    ...left.map(({ what, why }) => `Left ${what}: ${why}`),
  ]
  return lines.length === 0 ? 'There was nothing to remove.' : lines.map(escapeLine).join('\n')
}
