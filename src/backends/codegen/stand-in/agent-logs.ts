import type { JsonObject } from '../../../domain/json.ts'
import { chance } from '../../../domain/seed.ts'
import { type AgentRun, answerOf, type Turn } from './agent-run.ts'

/** One entry of an agent run's log before it is put into the API's form. */
interface LogLine {
  readonly at: number
  readonly type: string
  readonly observation?: string
  readonly thought?: string
  readonly tool?: string
  readonly toolInput?: JsonObject
  readonly toolOutput?: JsonObject
}

const TOOLS: readonly (readonly [tool: string, thought: string, input: JsonObject, output: JsonObject])[] = [
  ['ripgrep_search', 'I look for where this is done today.', { query: 'TODO' }, { matches: 7 }],
  ['view_file', 'I read the file before I change it.', { path: 'src/service.ts' }, { lines: 120 }],
  ['edit_file', 'I make the change.', { path: 'src/service.ts' }, { ok: true }],
  ['run_command', 'I run the tests.', { command: 'npm test' }, { exit_code: 0 }],
  ['set_active_codebase', 'I look at the repository.', { codebase: 'main' }, { ok: true }],
]

const END_ERROR: Readonly<Record<string, string>> = {
  error: 'The agent failed: a command ended with exit code 1.',
  timeout: 'The agent ran out of time.',
  'max-iterations': 'The agent reached the maximum number of iterations.',
  'out-of-tokens': 'The agent ran out of tokens.',
}

/** The log of a run as it stands at a time (ms), oldest first. */
export function logsAt(run: AgentRun, at: number): readonly LogLine[] {
  return run.turns.flatMap((turn, index) => {
    const until = Math.min(run.turns[index + 1]?.at ?? Infinity, turn.cancelledAt ?? Infinity)
    const superseded = run.turns[index + 1] !== undefined && until < turn.endsAt
    const asked: LogLine = { at: turn.at, type: 'USER_MESSAGE', observation: turn.prompt }
    const actions = actionsOf(run, turn).filter((line) => line.at < until)
    const end = superseded || turn.endsAt > until ? [] : endOf(run, turn)
    return [asked, ...actions, ...end].filter((line) => line.at <= at)
  })
}

function actionsOf(run: AgentRun, turn: Turn): readonly LogLine[] {
  const scripted = turn.script.logs
  const roll = chance(turn.seed, `${run.name}/${turn.number}/actions`)
  const count = scripted?.length ?? 3 + Math.floor(roll * 3)
  return Array.from({ length: count }, (_, i) => {
    const [tool = '', thought = '', toolInput = {}, toolOutput = {}] = TOOLS[i % TOOLS.length] ?? []
    const at = Math.round(turn.startsAt + ((i + 1) / (count + 1)) * turn.workMs)
    return { at, type: 'ACTION', thought: scripted?.[i] ?? thought, tool, toolInput, toolOutput }
  })
}

function endOf(run: AgentRun, turn: Turn): readonly LogLine[] {
  if (turn.outcome === 'complete') {
    return [{ at: turn.endsAt, type: 'FINAL_ANSWER', observation: answerOf(run, turn).result }]
  }
  if (turn.outcome === 'paused') {
    return [{ at: turn.endsAt, type: 'PLAN_EVALUATION', thought: turn.script.result ?? 'How should I go on?' }]
  }
  const error = END_ERROR[turn.outcome]
  return error === undefined ? [] : [{ at: turn.endsAt, type: 'ERROR', observation: turn.script.result ?? error }]
}
