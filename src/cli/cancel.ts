import type { RunOutcome } from '../domain/orchestration.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { resolveRun } from './folder-access.ts'
import { troupeLine } from './next-commands.ts'
import { listenForStop, untilStopped } from './stop-request.ts'
import { escapeLine } from './terminal-text.ts'
import { withOrchestrator } from './with-orchestrator.ts'

/** Cancels a run and waits until all of it is settled. Gives the exit code: 0 once it has ended. */
export async function cancelCommand(
  context: CliContext,
  name: string,
  flags: { readonly dataDir?: string },
): Promise<number> {
  const dataDir = dataDirOf(flags, context.env)
  const stop = listenForStop(context)
  let told: string | undefined
  try {
    // Once the command is taken, only the waiting is left to be done again.
    const outcome = await withOrchestrator(
      context,
      { dataDir, repeatable: () => told !== undefined },
      async ({ target }) => {
        const run = told ?? (await resolveRun(target, name))
        await target.restore(run)
        if (told === undefined) await target.command(run, { type: 'cancel' })
        if (told === undefined)
          context.stderr.write(`${escapeLine(`${run}: cancel taken; waiting until all of it is settled.`)}\n`)
        told = run
        return untilStopped(target.settled(run, stop.signal), stop)
      },
    )
    if (outcome) return sayOutcome(context, outcome)
    context.stderr.write(
      `Stopped. The cancel is durable: go on with ${troupeLine(`resume ${told ?? name}`, dataDir)}\n`,
    )
    return stop.exitCode()
  } finally {
    stop.dispose()
  }
}

function sayOutcome({ stdout }: CliContext, { run, status, reason }: RunOutcome): number {
  stdout.write(`${escapeLine(`${run}: ${status}${reason === undefined ? '' : `, ${reason}`}`)}\n`)
  return status === 'cancelled' || status === 'completed' || status === 'failed' ? 0 : 3
}
