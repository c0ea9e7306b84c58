import { cursorAfter } from '../api/cursor.ts'
import type { JsonObject } from '../domain/json.ts'
import type { RunSettings } from '../domain/orchestration.ts'
import type { RunRecord } from '../domain/record.ts'
import type { RunView } from '../domain/views.ts'
import type { Workflow } from '../domain/workflow.ts'
import { realClock } from '../host/clock.ts'
import { createClientOver, type TroupeClient } from './client.ts'
import { createHttp } from './http.ts'
import { unixTransport } from './unix-transport.ts'

/** How long the holder may be silent before it counts as gone, ms: a full disk or a slow one is not that slow. */
const SILENCE_MS = 60_000

/** What is asked of a holder as of any server. */
type Shared = Pick<
  TroupeClient,
  'resume' | 'command' | 'commandTask' | 'runs' | 'task' | 'result' | 'work' | 'logs' | 'outcome' | 'remove' | 'watch'
>

/**
 * What the process that holds a data folder can be asked. Every method throws what the orchestrator there threw, as the same
 * class, or HolderGoneError: nothing is tried again, since the next holder may be this process.
 */
export interface ControlClient extends Shared {
  health(): Promise<{ readonly status: string; readonly pid: number }>
  /** The workflow and its inputs were checked by the caller. */
  start(workflow: Workflow, inputs: JsonObject, settings: RunSettings): Promise<string>
  view(run: string): Promise<RunView>
  records(run: string, after: number, limit?: number): Promise<readonly RunRecord[]>
  limits(): Promise<JsonObject>
  /** Brings every record with seq > `after`, each once and in order, until aborted. Throws when the holder ends. */
  follow(
    run: string,
    after: number,
    onRecords: (records: readonly RunRecord[]) => void,
    signal: AbortSignal,
  ): Promise<void>
}

/** Speaks to the holder that listens at `socketPath`; connects anew for each question. */
export function createControlClient(socketPath: string): ControlClient {
  const transport = unixTransport(socketPath)
  const parts = { transport, clock: realClock, timeoutMs: SILENCE_MS, retries: 0, reconnect: false }
  const client = createClientOver(parts)
  const http = createHttp(transport, { ...parts, random: () => 0 })
  return {
    ...client,
    health: () => http.get('/healthz'),
    start: async (resolved, inputs, settings) =>
      (await http.post<{ run: string }>('/v1/runs', { resolved, inputs, settings })).run,
    view: client.run,
    records: (run, after, limit) => client.records(run, { after, ...(limit === undefined ? {} : { limit }) }),
    limits: async () => (await client.backends()).limits,
    async follow(run, after, onRecords, signal) {
      const watching = client.watch({ runs: [run], after: cursorAfter(run, after), signal })
      for await (const records of watching.batches()) onRecords(records)
    },
  }
}
