import { type AttemptKey, findMark, formatKey } from '../../../domain/ids.ts'
import type { Json, JsonObject } from '../../../domain/json.ts'
import { chance } from '../../../domain/seed.ts'
import { asksForDecision, decideOn } from './planning-answers.ts'
import { answerAs, type RoleAnswer, type RoleKind, roleOf, subjectOf } from './role-answers.ts'
import { type Outcome, readScript, type Script } from './script.ts'
import type { Pace, StoreLine, WebhookTarget } from './store.ts'

/** One prompt and the work it causes, planned to its end when the prompt arrives. */
export interface Turn {
  /** As the prompt's mark says, else counted. */
  readonly number: number
  readonly prompt: string
  /** When the prompt arrived, ms. */
  readonly at: number
  /** When the work begins: later than `at` when the turn before was still at work. */
  readonly startsAt: number
  /** How long the work is shown to last, ms; an agent that never ends falls silent after it. */
  readonly workMs: number
  /** Infinity: never. */
  readonly endsAt: number
  readonly outcome: Outcome
  readonly script: Script
  readonly seed: number
  /** The newest turn before this one that had ended with an answer. */
  readonly answered: Turn | undefined
  /** When the run was stopped in this turn. */
  cancelledAt?: number
  webhooks: readonly WebhookTarget[] | null
}

/** One agent run at the stand-in. */
export interface AgentRun {
  readonly id: number
  readonly at: number
  readonly source: string
  readonly metadata: JsonObject | null
  /** What the mark of the prompt says, else the metadata; undefined for a run that is none of troupe's. */
  readonly key: AttemptKey | undefined
  /** What chance is keyed by. */
  readonly name: string
  readonly role: RoleKind
  readonly turns: [Turn, ...Turn[]]
}

/** A new run from the line that was accepted for it. */
export function createRun(line: Extract<StoreLine, { type: 'create' }>): AgentRun {
  const key = findMark(line.prompt)?.key ?? keyOfMetadata(line.metadata)
  const name = key ? formatKey(key) : `#${line.id}`
  const run = { id: line.id, at: line.at, source: line.source, metadata: line.metadata, key, name }
  const role = roleOf(line.prompt, key?.task)
  return { ...run, role, turns: [planTurn({ name, key, role, turns: [] }, line)] }
}

/** Adds a turn to a run. What the turn before was doing is taken up by the new one: it gives no answer of its own any more. */
export function resumeRun(run: AgentRun, line: Extract<StoreLine, { type: 'resume' }>): void {
  run.turns.push(planTurn(run, line))
}

/** Stops a run that is at work or paused; one that has ended stays as it is. */
export function stopRun(run: AgentRun, at: number): void {
  const turn = newestTurn(run)
  if (turn.cancelledAt === undefined && (at < turn.endsAt || turn.outcome === 'paused')) turn.cancelledAt = at
}

/** The newest turn, or the newest that had begun at the time `asOf` (ms); the first is always there. */
export function newestTurn(run: AgentRun, asOf = Infinity): Turn {
  return run.turns.findLast((turn) => turn.at <= asOf) ?? run.turns[0]
}

/** Whether a turn had ended with an answer at a time. */
export function hasAnswered(turn: Turn, at: number): boolean {
  return turn.outcome === 'complete' && turn.endsAt <= at && (turn.cancelledAt ?? Infinity) > at
}

/** What a turn's end says: the result with its report block, the summary and the number of pull requests. */
export function answerOf(run: AgentRun, turn: Turn): { result: string; summary: string; pullRequests: number } {
  const { script } = turn
  const standard =
    planAnswer(run, turn) ??
    answerAs(run.role, subjectOf(turn.prompt), (word) => chance(turn.seed, `${run.name}/say/${word}`))
  const text = script.result ?? standard.text
  const output = script.output ?? (script.result === undefined ? standard.output : { summary: script.result })
  const result = script.report === 'none' ? text : `${text}\n\n${reportBlock(run, turn, output)}`
  const summary = script.result?.slice(0, 200) ?? standard.summary
  return { result, summary, pullRequests: script.pullRequests ?? standard.pullRequests }
}

/** What a manager that plans decides, in place of what managers say. */
function planAnswer(run: AgentRun, turn: Turn): RoleAnswer | undefined {
  if (run.role !== 'manager' || !asksForDecision(turn.prompt)) return undefined
  const output = decideOn(run.turns.slice(0, run.turns.indexOf(turn) + 1).map(({ prompt }) => prompt))
  const summary = `Decided: ${String(output['decision'])}.`
  return { text: summary, summary, output, pullRequests: 0 }
}

type Planned = Pick<AgentRun, 'name' | 'key' | 'role'> & { readonly turns: readonly Turn[] }
type Prompted = { at: number; pace: Pace; prompt: string; webhooks: readonly WebhookTarget[] | null }

function planTurn(run: Planned, { at, pace, prompt, webhooks }: Prompted): Turn {
  const before = run.turns.at(-1)
  const number = findMark(prompt)?.turn ?? run.turns.length + 1
  const script = scriptOf(run, prompt)
  const roll = chance(pace.seed, `${run.name}/${number}/duration`)
  const unscripted = before === undefined ? 2000 + 4000 * roll : 1000 + 1000 * roll
  // At least 1 ms: the answer to a create is always ACTIVE.
  const workMs = Math.max(1, Math.round((script.durationMs ?? unscripted) / pace.speed))
  const startsAt = before === undefined || !isWorking(before, at) ? at : Math.max(at, finite(before.endsAt, at))
  const outcome = outcomeOf(script, before !== undefined, run.key?.attempt ?? 1)
  return {
    number,
    prompt,
    at,
    startsAt,
    workMs,
    endsAt: outcome === 'never' ? Infinity : startsAt + workMs,
    outcome,
    script,
    seed: pace.seed,
    answered: before === undefined || hasAnswered(before, at) ? before : before.answered,
    webhooks: webhooks ?? before?.webhooks ?? null,
  }
}

function scriptOf({ key, turns }: Planned, prompt: string): Script {
  const given = readScript(prompt)
  const all = (given ?? turns[0]?.script)?.turns
  const own = (key?.attempt ?? 1) === 1 ? all?.[turns.length] : undefined
  return given === undefined ? (own ?? inherited(turns.at(-1)?.script)) : { ...given, ...own }
}

/** A turn without a script of its own answers as the task was scripted, but does not fail or fall silent again. */
function inherited(script: Script | undefined): Script {
  const { output, result, pullRequests } = script ?? {}
  return { output, result, pullRequests }
}

function outcomeOf(script: Script, resumed: boolean, attempt: number): Outcome {
  if (!resumed && attempt <= (script.failures ?? 0)) return 'error'
  // A pause ends on resume, even where the same script comes with the new prompt.
  if (resumed && script.outcome === 'paused') return 'complete'
  return script.outcome ?? 'complete'
}

function isWorking(turn: Turn, at: number): boolean {
  return at < turn.endsAt && turn.cancelledAt === undefined
}

function finite(value: number, otherwise: number): number {
  return Number.isFinite(value) ? value : otherwise
}

function reportBlock(run: AgentRun, turn: Turn, output: Json): string {
  const report = {
    status: turn.script.report === 'failed' ? 'failed' : 'completed',
    task_id: run.key?.task ?? null,
    turn: turn.number,
    result: output,
    metrics: {
      duration_seconds: turn.workMs / 1000,
      api_calls_made: 3 + Math.floor(12 * chance(turn.seed, `${run.name}/calls`)),
    },
  }
  return `\`\`\`json\n${JSON.stringify(report)}\n\`\`\``
}

function keyOfMetadata(metadata: JsonObject | null): AttemptKey | undefined {
  const mark = metadata?.['troupe']
  if (typeof mark !== 'object' || mark === null || !('run' in mark)) return undefined
  const { run, task, attempt } = mark
  return typeof run === 'string' && typeof task === 'string' && typeof attempt === 'number'
    ? { run, task, attempt }
    : undefined
}
