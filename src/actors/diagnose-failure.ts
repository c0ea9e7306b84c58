import type { Failure, LogEntry } from '../domain/backend.ts'
import type { Effect } from '../domain/effect.ts'
import type { DiagnoseInput } from '../machines/effects.ts'
import type { RunContext } from './run-context.ts'

const ENTRIES = 20
/** What the next prompt is told of the logs, characters. */
const CONTEXT = 2_000

/** Words in a log that another attempt cannot mend. */
const HOPELESS: readonly (readonly [RegExp, string])[] = [
  [
    /repository not found|could not read from remote repository|access (to the repository )?denied/i,
    'the repository cannot be reached',
  ],
  [/invalid (api )?credentials|authentication failed|bad credentials/i, 'credentials were refused'],
  [/model .{0,60}(not found|not available|does not exist)/i, 'the model does not exist'],
]

/** Reads the failure's logs, says whether another attempt can help and why, and what it is to be told. Never rejects for the logs' sake. */
export const diagnoseFailure =
  (run: RunContext): Effect<DiagnoseInput, Failure> =>
  async (input, { signal }) => {
    const backend = run.backendOf(input.task)
    let entries: readonly LogEntry[] = []
    if (input.ref !== undefined && backend.logs !== undefined && backend.capabilities.logs) {
      entries = await backend.logs(input.ref, ENTRIES, signal).catch(() => {
        signal.throwIfAborted()
        return []
      })
    }
    // Our own prompts would nest in the next one.
    const said = entries.filter((entry) => entry.type !== 'USER_MESSAGE')
    const text = said.map((entry) => `${entry.type}${entry.tool ? ` ${entry.tool}` : ''}: ${entry.text}`).join('\n')
    const hopeless = HOPELESS.find(([pattern]) => pattern.test(text))
    const { failure } = input
    return {
      ...failure,
      message: hopeless === undefined ? failure.message : `${failure.message}: ${hopeless[1]}`,
      retryable: failure.retryable && hopeless === undefined,
      ...(text === '' ? {} : { context: text.slice(-CONTEXT) }),
    }
  }
