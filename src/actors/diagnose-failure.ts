import type { AgentRunRef, Backend, Failure, LogEntry } from '../domain/backend.ts'
import { sleep } from '../domain/clock.ts'
import type { Effect } from '../domain/effect.ts'
import type { DiagnoseInput } from '../machines/effects.ts'
import { explainFailure } from '../machines/explain-failure.ts'
import type { RunContext } from './run-context.ts'

const ENTRIES = 20
/** What the next prompt is told of the logs, characters. */
const CONTEXT = 2_000
/** A log that takes longer is done without: the task is not to wait for it. */
const LONGEST_MS = 60_000

/** Reads the failure's logs and asks the table: whether another attempt can help, why, and what it is to be told. Never rejects for the logs' sake. */
export const diagnoseFailure =
  (run: RunContext): Effect<DiagnoseInput, Failure> =>
  async (input, { signal }) => {
    const backend = run.backendOf(input.task)
    const entries = input.ref === undefined ? [] : await readLogs(run, backend, input.ref, signal)
    // Our own prompts would nest in the next one.
    const said = entries.filter((entry) => entry.type !== 'USER_MESSAGE')
    const text = said.map((entry) => `${entry.type}${entry.tool ? ` ${entry.tool}` : ''}: ${entry.text}`).join('\n')
    const explained = explainFailure(input.failure, text)
    return text === '' ? explained : { ...explained, context: text.slice(-CONTEXT) }
  }

async function readLogs(
  { clock }: RunContext,
  backend: Backend,
  ref: AgentRunRef,
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  if (backend.logs === undefined || !backend.capabilities.logs) return []
  const over = new AbortController()
  const onAbort = () => over.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const late = sleep(clock, LONGEST_MS, over.signal).then(() => [])
    late.catch(() => {})
    return await Promise.race([backend.logs(ref, ENTRIES, over.signal), late])
  } catch {
    signal.throwIfAborted()
    return []
  } finally {
    signal.removeEventListener('abort', onAbort)
    over.abort(new Error('The log is not waited for any more'))
  }
}
