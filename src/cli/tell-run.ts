import type { CommandReply, RunCommand } from '../domain/command.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { resolveRun } from './folder-access.ts'
import { troupeLine } from './next-commands.ts'
import { escapeLine } from './terminal-text.ts'
import { withOrchestrator } from './with-orchestrator.ts'

/** `troupe pause RUN` and `troupe continue RUN`: the command is durable when this ends. Gives the exit code. */
export async function tellRun(
  context: CliContext,
  name: string,
  command: RunCommand,
  flags: { readonly dataDir?: string },
): Promise<number> {
  const dataDir = dataDirOf(flags, context.env)
  await withOrchestrator(context, { dataDir, repeatable: () => false }, async ({ target, remote }) => {
    const run = await resolveRun(target, name)
    await target.restore(run)
    sayTaken(context, await target.command(run, command), command.type, { remote, dataDir })
  })
  return 0
}

/** One line: what was taken, and what is needed for it to have an effect. */
export function sayTaken(
  { stdout }: Pick<CliContext, 'stdout'>,
  reply: CommandReply,
  command: string,
  { remote, dataDir }: { readonly remote: boolean; readonly dataDir: string },
): void {
  const subject = reply.task === undefined ? reply.run : `${reply.run} ${reply.task}`
  stdout.write(escapeLine(`${subject}: ${command} taken (record ${reply.seq}), now ${reply.state}.`))
  stdout.write(remote ? '\n' : ` Nothing runs now: go on with ${troupeLine(`resume ${reply.run}`, dataDir)}\n`)
}
