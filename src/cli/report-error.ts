import { exitCodeOf } from '../api/errors.ts'
import { TroupeError, WorkflowError } from '../domain/errors.ts'
import type { CliContext } from './context.ts'
import { escapeText } from './terminal-text.ts'

/** Says on stderr why a command failed, with a stack only where `TROUPE_DEBUG=1` asks for it. Gives the exit code. */
export function reportError({ stderr, env }: Pick<CliContext, 'stderr' | 'env'>, error: unknown): number {
  stderr.write(`${escapeText(sayError(error))}\n`)
  if (env['TROUPE_DEBUG'] === '1') stderr.write(`${stackOf(error)}\n`)
  else if (!(error instanceof TroupeError)) stderr.write('This is a mistake in troupe; TROUPE_DEBUG=1 shows where.\n')
  return exitCodeOf(error)
}

/** Every mistake of a workflow stands on its own line, as editors understand them. */
function sayError(error: unknown): string {
  if (error instanceof WorkflowError) return error.message
  const message = error instanceof Error ? error.message : String(error)
  return message.includes('\n') ? message : `troupe: ${message}`
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
