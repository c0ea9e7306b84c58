import { findMark, formatKey } from '../../../domain/ids.ts'
import type { JsonObject } from '../../../domain/json.ts'
import { type AgentRun, createRun, resumeRun, stopRun } from './agent-run.ts'
import { hasVanished } from './agent-state.ts'
import type { Pace, StandInStore, StoreLine, WebhookTarget } from './store.ts'

/** What a create asks for. */
export interface CreateOrder {
  readonly prompt: string
  readonly source: string
  readonly metadata: JsonObject | null
  readonly webhooks: readonly WebhookTarget[] | null
}

/** The organization's webhook setting. */
export type WebhookConfig = Extract<StoreLine, { type: 'webhook' }>['config']

/** Which runs a list shows. */
interface RunFilter {
  readonly source?: string | undefined
  /** Runs created later are not there yet. */
  readonly asOf: number
}

/** All agent runs of the stand-in. A change is in the store before it is visible or answered. */
export class StandInRuns {
  private readonly store: StandInStore
  private readonly pace: Pace
  private readonly all: AgentRun[] = []
  private readonly bySource = new Map<string, AgentRun[]>()
  private readonly byId = new Map<number, AgentRun>()
  private readonly created = new Map<string, number>()
  private readonly prompted = new Map<string, number>()
  private lastId = FIRST_ID - 1
  private lastAt = 0
  private creating = 0
  private canVanish = false
  private webhook: WebhookConfig = null

  constructor(store: StandInStore, pace: Pace) {
    this.store = store
    this.pace = pace
    for (const line of store.past) this.apply(line)
  }

  /** How many runs were ever created, those included that are just being written. */
  get count(): number {
    return this.all.length + this.creating
  }

  get webhookConfig(): WebhookConfig {
    return this.webhook
  }

  /** Every run, oldest first. */
  list(): readonly AgentRun[] {
    return this.all
  }

  find(id: number): AgentRun | undefined {
    return this.byId.get(id)
  }

  /** A page of runs, newest first, at the cost of the page. */
  page(filter: RunFilter, skip: number, limit: number): { items: readonly AgentRun[]; total: number } {
    const all = filter.source === undefined ? this.all : (this.bySource.get(filter.source) ?? [])
    // Only where a script lets runs vanish does a page cost more than itself.
    const runs = this.canVanish ? all.filter((run) => !hasVanished(run, filter.asOf)) : all
    const total = countUntil(runs, filter.asOf)
    const end = Math.max(0, total - skip)
    return { items: runs.slice(Math.max(0, end - limit), end).reverse(), total }
  }

  /** How often each RUN/TASK/ATTEMPT was created. */
  creations(): Record<string, number> {
    return Object.fromEntries(this.created)
  }

  /** How often each RUN/TASK/ATTEMPT/TURN was prompted; the create is a turn too. */
  turns(): Record<string, number> {
    return Object.fromEntries(this.prompted)
  }

  async create(order: CreateOrder, now: number): Promise<AgentRun> {
    this.lastId += 1
    const line = { v: 1, type: 'create', id: this.lastId, at: this.tick(now), pace: this.pace, ...order } as const
    this.creating += 1
    await this.commit(line).finally(() => {
      this.creating -= 1
    })
    const run = this.byId.get(line.id)
    if (run === undefined) throw new Error(`Agent run ${line.id} was written but not taken up.`)
    return run
  }

  /** A new turn on a run, whatever it is doing. */
  async resume(
    run: AgentRun,
    order: { prompt: string; webhooks: readonly WebhookTarget[] | null },
    now: number,
  ): Promise<void> {
    await this.commit({ v: 1, type: 'resume', id: run.id, at: this.tick(now), pace: this.pace, ...order })
  }

  async ban(run: AgentRun, type: 'ban' | 'unban', now: number): Promise<void> {
    await this.commit({ v: 1, type, id: run.id, at: this.tick(now) })
  }

  async setWebhook(config: WebhookConfig, now: number): Promise<void> {
    await this.commit({ v: 1, type: 'webhook', at: this.tick(now), config })
  }

  private async commit(line: StoreLine): Promise<void> {
    await this.store.append(line)
    this.apply(line)
  }

  /** Times never go back, so that the list stays in order when the clock of the machine does. */
  private tick(now: number): number {
    this.lastAt = Math.max(this.lastAt, now)
    return this.lastAt
  }

  private apply(line: StoreLine): void {
    this.lastAt = Math.max(this.lastAt, line.at)
    if (line.type === 'webhook') this.webhook = line.config
    else if (line.type === 'create') this.add(createRun(line))
    else this.change(line)
  }

  private change(line: Extract<StoreLine, { type: 'resume' | 'ban' | 'unban' }>): void {
    const run = this.byId.get(line.id)
    if (run === undefined) return
    if (line.type === 'ban') stopRun(run, line.at)
    if (line.type === 'resume') {
      resumeRun(run, line)
      this.countTurn(run)
    }
  }

  private add(run: AgentRun): void {
    this.lastId = Math.max(this.lastId, run.id)
    this.all.push(run)
    this.byId.set(run.id, run)
    const same = this.bySource.get(run.source)
    if (same) same.push(run)
    else this.bySource.set(run.source, [run])
    if (run.key) increment(this.created, formatKey(run.key))
    this.countTurn(run)
  }

  private countTurn(run: AgentRun): void {
    const turn = run.turns.at(-1)
    if (turn === undefined) return
    this.canVanish ||= turn.outcome === 'vanish'
    // A resume is counted under the mark it carries, even where that names another attempt.
    const key = findMark(turn.prompt)?.key ?? run.key
    if (key) increment(this.prompted, `${formatKey(key)}/${turn.number}`)
  }
}

const FIRST_ID = 41_001

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** How many of the runs, which are ordered by time, were created until `at`. */
function countUntil(runs: readonly AgentRun[], at: number): number {
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((runs[middle]?.at ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return low
}
