import { type BudgetKey, plus, type Usage } from '../domain/budget.ts'
import { SUPERVISOR } from '../domain/ids.ts'
import type { JsonObject } from '../domain/json.ts'
import type { JournalRecord } from '../domain/record.ts'
import { isFinalState, mainState } from '../machines/public-state.ts'

/** An agent run that may use more: what was set aside for it, and what it has used so far. */
interface OpenUse {
  readonly reserved?: Usage
  readonly used?: Usage
  /** Nobody waits for it any more; its late end tells the rest. */
  readonly gaveUp?: true
}

/**
 * What a run has used of its budget, as its records tell it. Mutable and plain JSON: the projection and the read model fold their own,
 * in the same way.
 */
export interface BudgetFacts {
  /** Attempts whose create was intended and not certainly refused. */
  agentRuns: number
  /** By how much a person raised each part. */
  readonly raised: Record<string, number>
  cost: number
  tokens: number
  /** By RUN/TASK/ATTEMPT; without one for an agent run of which nothing is expected or known. */
  readonly open: Record<string, OpenUse>
  /** The manager's turns: of earlier attempts, and of the present one. */
  readonly turns: { attempt: number; before: number; now: number }
  /** That its turns are used up was said. */
  turnsSaid?: true
  /** How long the run was paused or waited for people alone, and since when it does, ms. */
  waitedMs: number
  waitingSince?: number
  paused: boolean
  /** How many actors wait for a person, and how many get on by themselves. */
  held: number
  busy: number
}

/** The actor before the record. */
interface Before {
  readonly state: string
  /** The attempt whose creation was counted last: a put-back create counts once. */
  readonly counted?: number | undefined
}

/** What a transition says of its attempt: the attempt that is counted, and what its agent run has used. */
export interface FoldedUse {
  readonly counted?: number
  readonly usage?: Usage
}

/** The code of the alert that the manager's turns are used up. */
export const TURNS_USED_UP = 'manager-turns'

const NOTHING: FoldedUse = {}
/** An attempt has an agent run in these, or may have. */
const AT_WORK: ReadonlySet<string> = new Set(['pending', 'creating', 'running', 'reporting', 'cancelling'])
const UNDECIDED: ReadonlySet<string> = new Set(['escalated.overdue', 'escalated.doubtful'])
/** A turn of the manager is under way in these, or has ended. */
const IN_TURN: ReadonlySet<string> = new Set(['creating', 'running', 'reporting'])
/** Sub-states in which an actor gets on only by a person's word. */
const BY_A_PERSON = /^escalated(?!\.overdue)|\.(needsInput|asking|approval|paused)$/

/** Before a run's first record. */
export function emptyBudget(): BudgetFacts {
  return {
    agentRuns: 0,
    raised: {},
    cost: 0,
    tokens: 0,
    open: {},
    turns: { attempt: 1, before: 0, now: 0 },
    waitedMs: 0,
    paused: false,
    held: 0,
    busy: 0,
  }
}

/** The budget in a checkpoint of the projection; those of earlier versions hold parts of it only. */
export function readBudget(json: JsonObject, live: ReadonlyMap<string, { readonly state: string }>): BudgetFacts {
  if (json['budget'] !== undefined) return structuredClone(json['budget']) as unknown as BudgetFacts
  const old = json as unknown as {
    readonly created: number
    readonly raised: Record<string, number>
    readonly pausedMs: number
    readonly pausedAt?: number
  }
  const facts = emptyBudget()
  facts.agentRuns = old.created
  Object.assign(facts.raised, old.raised)
  facts.waitedMs = old.pausedMs
  if (old.pausedAt !== undefined) facts.waitingSince = old.pausedAt
  for (const [id, { state }] of live) {
    if (id === SUPERVISOR) facts.paused = state === 'paused'
    else noteActor(facts, state, 1)
  }
  return facts
}

/** Adds one record. `before`: the actor it is of, as it was. O(1). */
export function foldBudget(facts: BudgetFacts, record: JournalRecord, before: Before | undefined): FoldedUse {
  const { type, data } = record
  if (type === 'command') raise(facts, data?.['budget'] as Readonly<Record<string, number>> | undefined)
  else if (type === 'alert' && data?.['code'] === TURNS_USED_UP) facts.turnsSaid = true
  else if (type === 'progress' && data?.['lateEnd'] !== undefined) foldLateEnd(facts, data['lateEnd'] as JsonObject)
  if (type !== 'transition') return NOTHING
  const at = Date.parse(record.at)
  if (record.actor.id === SUPERVISOR) {
    // Also while it has ended: it may be reopened.
    facts.paused = record.to === 'paused' || isFinalState(record.to ?? '')
    noteWaiting(facts, at)
    return NOTHING
  }
  noteActor(facts, before?.state, -1)
  noteActor(facts, record.to, 1)
  noteWaiting(facts, at)
  const change = countCreation(before, record.to ?? '', record.attempt ?? 0)
  facts.agentRuns += change
  if (record.actor.kind === 'manager') foldTurn(facts, record, change)
  const usage = foldUse(facts, record, change)
  const counted = change === 0 ? before?.counted : change > 0 ? (record.attempt ?? 0) : undefined
  if (counted === undefined && usage === undefined) return NOTHING
  return { ...(counted === undefined ? {} : { counted }), ...(usage === undefined ? {} : { usage }) }
}

/** How much of a part is set aside for agents at work, beyond what they have used. */
export function reservedOf(facts: BudgetFacts, key: keyof Usage): number {
  let sum = 0
  for (const { reserved, used } of Object.values(facts.open)) {
    sum += Math.max(0, (reserved?.[key] ?? 0) - (used?.[key] ?? 0))
  }
  return plus(sum, 0)
}

/** How long the run did not wait for people alone, ms. */
export function activeMs({ waitedMs, waitingSince }: BudgetFacts, startedAt: number, now: number): number {
  return Math.max(0, (waitingSince ?? now) - startedAt - waitedMs)
}

/** What is allowed of a part, with what it was raised by; undefined: no bound. */
export function allowedOf(facts: BudgetFacts, key: BudgetKey, given: number | undefined): number | undefined {
  return given === undefined ? undefined : plus(given, facts.raised[key] ?? 0)
}

/** How many turns of the manager were sent, or may have been. */
export const turnsUsed = ({ turns }: BudgetFacts): number => turns.before + turns.now

/** 1 for an intended creation, once an attempt; -1 when it certainly did nothing. */
function countCreation(before: Before | undefined, state: string, attempt: number): 1 | 0 | -1 {
  if (state === 'creating' && before?.counted !== attempt) return 1
  if (before?.counted !== attempt) return 0
  const isPutBack = mainState(state) === 'pending'
  const refused = before.state === 'creating' && (isPutBack || state === 'recovering')
  const neverMade = before.state === 'creating.reconciling' && isPutBack
  return refused || neverMade ? -1 : 0
}

function raise(facts: BudgetFacts, budget: Readonly<Record<string, number>> | undefined): void {
  for (const [name, more] of Object.entries(budget ?? {})) facts.raised[name] = plus(facts.raised[name] ?? 0, more)
  if (budget?.['managerTurns'] !== undefined) delete facts.turnsSaid
}

function noteActor(facts: BudgetFacts, state: string | undefined, by: 1 | -1): void {
  // A manager without a turn does nothing by itself.
  if (state === undefined || state === 'running.idle' || isFinalState(state)) return
  if (BY_A_PERSON.test(state)) facts.held += by
  else facts.busy += by
}

/** A clock that was set back meanwhile takes no time away. */
function noteWaiting(facts: BudgetFacts, at: number): void {
  const waits = facts.paused || (facts.held > 0 && facts.busy === 0)
  if (waits) facts.waitingSince ??= at
  else if (facts.waitingSince !== undefined) {
    facts.waitedMs += Math.max(0, at - facts.waitingSince)
    delete facts.waitingSince
  }
}

/** A turn that certainly was not sent is none. */
function foldTurn({ turns }: BudgetFacts, { attempt = 1, to = '', data }: JournalRecord, change: number): void {
  if (attempt !== turns.attempt) Object.assign(turns, { attempt, before: turns.before + turns.now, now: 0 })
  if (change < 0) turns.now = 0
  else if (IN_TURN.has(mainState(to))) turns.now = Math.max(turns.now, Number(data?.['turn'] ?? 1))
}

/** Usage is paid for, however the attempt ends; what was set aside is settled with that end, or returned by a certain refusal. */
function foldUse(facts: BudgetFacts, record: JournalRecord, change: number): Usage | undefined {
  const { data, to = '' } = record
  const holder = `${record.run}/${record.actor.id}/${record.attempt ?? 0}`
  const known = facts.open[holder]
  const used = data?.['usage'] === undefined ? known?.used : addUsage(facts, known?.used, data['usage'] as Usage)
  const reserved = change > 0 ? (data?.['reserved'] as Usage | undefined) : known?.reserved
  const given = data?.['gaveUp'] as { readonly attempt?: number } | undefined
  const gaveUp = known?.gaveUp ?? (given !== undefined && given.attempt === record.attempt ? true : undefined)
  const open = gaveUp === true || AT_WORK.has(mainState(to)) || UNDECIDED.has(to)
  if (!open || change < 0 || (used === undefined && reserved === undefined)) delete facts.open[holder]
  else {
    facts.open[holder] = {
      ...(reserved === undefined ? {} : { reserved }),
      ...(used === undefined ? {} : { used }),
      ...(gaveUp === undefined ? {} : { gaveUp }),
    }
  }
  const other = given?.attempt === undefined ? undefined : `${record.run}/${record.actor.id}/${given.attempt}`
  const left = other === undefined ? undefined : facts.open[other]
  if (other !== undefined && left !== undefined) facts.open[other] = { ...left, gaveUp: true }
  return used
}

/** Its report counts from its beginning: what was known before is not paid twice. */
function addUsage(facts: BudgetFacts, before: Usage | undefined, now: Usage): Usage {
  const cost = Math.max(before?.cost ?? 0, now.cost ?? 0)
  const tokens = Math.max(before?.tokens ?? 0, now.tokens ?? 0)
  facts.cost = plus(facts.cost, cost - (before?.cost ?? 0))
  facts.tokens = plus(facts.tokens, tokens - (before?.tokens ?? 0))
  return { ...(cost === 0 ? {} : { cost }), ...(tokens === 0 ? {} : { tokens }) }
}

function foldLateEnd(facts: BudgetFacts, end: JsonObject): void {
  const holder = String(end['holder'])
  const usage = end['usage'] as Usage | undefined
  if (usage !== undefined) addUsage(facts, facts.open[holder]?.used, usage)
  delete facts.open[holder]
}
