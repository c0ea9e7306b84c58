import type { LogEntry } from '../domain/backend.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { resolveRun, resolveTask } from './folder-access.ts'
import { escapeText } from './terminal-text.ts'
import { withOrchestrator } from './with-orchestrator.ts'

const ENTRIES = 200

/** Prints the newest log entries of a task's agent run, oldest first; without a holder the folder is taken for as long. */
export async function logsCommand(
  context: CliContext,
  name: string,
  taskName: string,
  flags: { readonly json?: boolean; readonly dataDir?: string },
): Promise<number> {
  const task = resolveTask(taskName)
  const entries = await withOrchestrator(
    context,
    { dataDir: dataDirOf(flags, context.env), repeatable: () => true },
    async ({ target }) => target.logs(await resolveRun(target, name), task, ENTRIES),
  )
  const line = flags.json === true ? (entry: LogEntry) => JSON.stringify(entry) : plainEntry
  context.stdout.write(entries.map((entry) => `${line(entry)}\n`).join(''))
  if (entries.length === 0) context.stderr.write(`${task} has no log yet.\n`)
  return 0
}

function plainEntry({ at, type, tool, text }: LogEntry): string {
  const time = at === null ? '' : `${new Date(at).toISOString().slice(0, 19)}Z `
  return escapeText(`${time}${type}${tool === undefined ? '' : ` ${tool}`}: ${text}`)
}
