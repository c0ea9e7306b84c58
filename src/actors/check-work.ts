import { commandText } from '../domain/command-text.ts'
import type { Effect } from '../domain/effect.ts'
import { BackendError } from '../domain/errors.ts'
import type { CheckInput, CheckOutput } from '../machines/effects.ts'
import { oneLine } from './one-line.ts'
import { readTurn, reportFailure } from './read-report.ts'
import type { RunContext } from './run-context.ts'

/** What a note names of the commands, and of why one failed, characters. */
const MOST_NAMED = 300
/** What goes on to the machine of a failing command's output, characters. */
const MOST_OUTPUT = 8_192

/**
 * Has the commands of a task's check run where its agent worked. A report that says that the work failed, or that does not fit, comes
 * first: then nothing is run. Safe to call again; what keeps a check from being run at all rejects with what its backend says.
 */
export const checkWork =
  (run: RunContext): Effect<CheckInput, CheckOutput> =>
  async (input, { signal, restarted }) => {
    const { task, attempt, ref, turn, round, of } = input
    const backend = run.backendOf(task)
    const check = run.checkOf(task)
    if (check === undefined || check.commands.length === 0) return { kind: 'unread' }
    if (backend.check === undefined) {
      const message = `${backend.id} cannot run the check of ${task}; leave out its check, or choose an agent of this machine`
      throw new BackendError(message, { kind: 'refused', retryable: false, certain: true })
    }
    if (reportFailure(run, task, await readTurn(run, input, signal)) !== undefined) return { kind: 'unread' }
    signal.throwIfAborted()
    const commands = oneLine(check.commands.map(commandText).join(', then '), MOST_NAMED)
    if (!restarted) run.progress(task, attempt, { note: `check ${round} of at most ${of} is run: ${commands}` })
    const { passed, command, exitCode, trouble, output, ms } = await backend.check(ref, { turn, check }, signal)
    return {
      kind: passed ? 'passed' : 'failed',
      round,
      of,
      command,
      exitCode,
      ...(trouble === undefined ? {} : { trouble: oneLine(trouble, MOST_NAMED) }),
      // What a check that passed printed tells nobody anything.
      output: passed ? '' : output.slice(-MOST_OUTPUT),
      ms,
    }
  }
