import { chance } from '../../../domain/seed.ts'
import { logsAt } from './agent-logs.ts'
import type { AgentRun } from './agent-run.ts'
import { type AgentState, hasEnded, isOdd, stateAt } from './agent-state.ts'

/** The one organization of the stand-in. */
export const ORGANIZATION_ID = 1

/** Writes agent runs in the API's form. */
export interface Answers {
  /** AgentRunResponse, as the run stood at a time (ms). */
  run(run: AgentRun, at: number): AgentRunAnswer
  /** AgentRunWithLogsResponse: one page of the log. */
  logs(run: AgentRun, at: number, paging: { skip: number; limit: number; reverse: boolean }): object
  /** Where a person would look at the run. */
  url(run: AgentRun): string
}

/** AgentRunResponse. */
interface AgentRunAnswer {
  readonly id: number
  readonly organization_id: number
  readonly status: string | null
  readonly created_at: string
  readonly web_url: string | null
  readonly result: string | null
  readonly summary: string | null
  readonly source_type: string | null
  readonly github_pull_requests: readonly object[] | null
  readonly metadata: AgentRun['metadata']
}

/** `keepMetadata` false: the service forgets what was sent, so that only marks tell runs apart. */
export function createAnswers(options: { host: string; keepMetadata: boolean }): Answers {
  const { host, keepMetadata } = options
  const ended = new WeakMap<AgentRun, { turns: number; answer: AgentRunAnswer }>()
  const url = (run: AgentRun) => `https://${host}/agent/trace/${run.id}`

  const write = (run: AgentRun, at: number): AgentRunAnswer => {
    const state = stateAt(run, at)
    const isNew = at <= run.at
    return {
      id: run.id,
      organization_id: ORGANIZATION_ID,
      status: state.status,
      created_at: timestamp(run, run.at),
      web_url: !isNew && state.status === 'ACTIVE' && isOdd(run, 'no-url', 10) ? null : url(run),
      result: state.result,
      summary: state.summary,
      source_type: !isNew && isOdd(run, 'no-source', 10) ? null : run.source,
      github_pull_requests: pullRequestsOf(run, state, host),
      metadata: keepMetadata ? run.metadata : {},
    }
  }

  return {
    url,
    run(run, at) {
      const known = ended.get(run)
      const isOver = hasEnded(run, at)
      if (known && isOver && known.turns === run.turns.length && known.answer.status !== 'PAUSED') return known.answer
      const answer = write(run, at)
      if (isOver) ended.set(run, { turns: run.turns.length, answer })
      return answer
    },
    logs(run, at, { skip, limit, reverse }) {
      const lines = logsAt(run, at)
      const ordered = reverse ? lines.toReversed() : lines
      const { summary: _summary, source_type: _source, github_pull_requests: _pulls, ...rest } = write(run, at)
      return {
        ...rest,
        logs: ordered.slice(skip, skip + limit).map((line) => ({
          agent_run_id: run.id,
          created_at: timestamp(run, line.at),
          tool_name: line.tool ?? null,
          message_type: line.type,
          thought: line.thought ?? null,
          observation: line.observation ?? null,
          tool_input: line.toolInput ?? null,
          tool_output: line.toolOutput ?? null,
        })),
        total_logs: lines.length,
        page: Math.floor(skip / limit) + 1,
        size: limit,
        pages: Math.ceil(lines.length / limit),
      }
    },
  }
}

/** Both forms seen from the service: ISO 8601, and without `T` and zone (it is UTC). */
function timestamp(run: AgentRun, at: number): string {
  const iso = new Date(at).toISOString()
  if (!isOdd(run, 'plain-time', 2)) return iso
  const micros = Math.floor(1000 * chance(run.turns[0].seed, `${run.name}/micros/${at}`))
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros).padStart(3, '0')}`
}

function pullRequestsOf(run: AgentRun, state: AgentState, host: string): readonly object[] | null {
  if (state.pullRequests === 0) return isOdd(run, 'null-pull-requests', 2) ? null : []
  const task = run.key?.task.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/-$/, '') ?? 'agent'
  return Array.from({ length: state.pullRequests }, (_, i) => {
    const id = run.id * 100 + i
    return {
      id,
      title: `${task}: part ${i + 1}`,
      url: `https://${host}/pull/${id}`,
      created_at: timestamp(run, run.at),
      head_branch_name: `codegen/${task}-${id}`,
    }
  })
}
