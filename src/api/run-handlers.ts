import type { CommandOrigin } from '../domain/command.ts'
import { CommandRefusedError, NotFoundError } from '../domain/errors.ts'
import type { RunSummary } from '../domain/views.ts'
import { legalRunCommands } from '../machines/commands.ts'
import { isFinalState } from '../machines/public-state.ts'
import type { Access } from './access.ts'
import { stopping } from './errors.ts'
import type { Handlers, RoutesOptions } from './routes-options.ts'
import type { RunsQuery } from './schemas/queries.ts'

type RunOperation = 'listRuns' | 'readRun' | 'removeRun' | 'readOutcome' | 'listRecords' | 'readWork' | 'commandRun'

/** What is asked of runs that have begun. */
export function runHandlers({ orchestrator, views, closing }: RoutesOptions): Handlers<RunOperation> {
  return {
    listRuns: ({ query }) => ({ status: 200, body: selectRuns(orchestrator.runs(), query) }),
    readRun: async ({ params: { run } }) => ({ status: 200, body: await views.read(run) }),
    async removeRun({ params: { run }, query }) {
      const found = orchestrator.runs().find((summary) => summary.run === run)
      if (!found) throw new NotFoundError(`Run ${run}`, 'GET /v1/runs lists those that do.')
      if (!isFinalState(found.status)) {
        throw new CommandRefusedError(run, 'delete', found.status, legalRunCommands(found.status))
      }
      await orchestrator.remove(run, query.archive === 'true' ? 'archive' : 'delete')
      return { status: 200, body: { run } }
    },
    // A long poll. With the outcome comes the view it is about: the holder may be gone before that could be asked for.
    async readOutcome({ params: { run }, request }) {
      try {
        if (closing.aborted) throw stopping()
        const outcome = await views.outcome(run, AbortSignal.any([request.signal, closing]))
        return { status: 200, body: { outcome, view: await views.read(run) } }
      } catch (cause) {
        if (!closing.aborted) throw cause
        throw stopping()
      }
    },
    async listRecords({ params: { run }, query }) {
      return { status: 200, body: { records: await orchestrator.records(run, query.after, query.limit) } }
    },
    readWork: async ({ params: { run } }) => ({ status: 200, body: { run, attempts: await views.work(run) } }),
    async commandRun({ params: { run }, body, access }) {
      return { status: 200, body: await orchestrator.command(run, body, originOf(access)) }
    },
  }
}

/** Who gave a command, for its record. */
export function originOf({ via, who }: Access): CommandOrigin {
  return { via, ...(who === undefined ? {} : { who }) }
}

function selectRuns(all: readonly RunSummary[], query: RunsQuery) {
  const { status, name, before, after, order, limit = Number.POSITIVE_INFINITY } = query
  const fitting = all.filter(
    (run) =>
      (status === undefined || status.some((wanted) => wanted === run.status)) &&
      (name === undefined || run.name === name) &&
      (before === undefined || run.run < before) &&
      (after === undefined || run.run > after),
  )
  if (order === 'newest') fitting.reverse()
  return fitting.length > limit ? { runs: fitting.slice(0, limit), more: true } : { runs: fitting }
}
