/** The account at the provider: the stand-in, the truth about its agent runs, and trouble between it and whoever calls. */
import {
  type AgentRun,
  createRun,
  hasAnswered,
  newestTurn,
  resumeRun,
} from '../../src/backends/codegen/stand-in/agent-run.ts'
import { hasEnded, stateAt } from '../../src/backends/codegen/stand-in/agent-state.ts'
import type { Faults } from '../../src/backends/codegen/stand-in/faults.ts'
import { createStandIn, type StandIn } from '../../src/backends/codegen/stand-in/stand-in.ts'
import type { StandInStore, StoreLine } from '../../src/backends/codegen/stand-in/store.ts'
import { type Clock, sleep } from '../../src/domain/clock.ts'
import { type AttemptKey, findMark, formatKey } from '../../src/domain/ids.ts'
import { chance } from '../../src/domain/seed.ts'
import type { RateLimit } from '../../src/domain/workflow.ts'

/** What is wrong with the provider and the way to it. */
export interface Troubles {
  /** The stand-in's own faults. */
  readonly faults: Partial<Faults>
  /** The longest that a call or its answer is on its way, ms. */
  readonly slowestMs: number
  /** Chance that a call is refused with 429 for reasons of the provider's own. */
  readonly refused: number
  /** Chance that such a refusal says until when. */
  readonly retryAfter: number
  /** Chance that a call is never answered; one that changes something is then carried out half of the times. */
  readonly silent: number
  /** How long after its creation a run is missing in the list, ms. */
  readonly listedLateMs: number
  readonly keepMetadata: boolean
  /** Creations that the plan allows. */
  readonly quota: number | undefined
  /** From when to when (ms after the start) every call is answered 401 or 403. */
  readonly locked: { readonly status: 401 | 403; readonly fromMs: number; readonly untilMs: number } | undefined
  /** Chance that an agent run vanishes (404) a while after its creation. */
  readonly vanishing: number
}

/** Which kind of call it is. */
export type CallKind = 'create' | 'resume' | 'list' | 'get' | 'logs' | 'other'

/** A call on its way. */
export interface ProviderCall {
  /** Counted from 0 over all processes. */
  readonly number: number
  readonly kind: CallKind
  /** Of a create or a resume: what its prompt's mark names. */
  readonly key: AttemptKey | undefined
  readonly turn: number | undefined
}

/** Who is told of what reaches the provider. */
export interface ProviderListener {
  onArrival(call: ProviderCall): void
  /** What goes back: its status (0 for a broken connection), and the beginning of its body. */
  onAnswer(call: ProviderCall, status: number, body: string): void
  onCreated(run: AgentRun, key: AttemptKey | undefined): void
  onPrompted(run: AgentRun, key: AttemptKey | undefined, turn: number): void
}

export interface ProviderOptions {
  readonly clock: Clock
  readonly seed: number
  readonly troubles: Troubles
  readonly limits: Readonly<Partial<Record<'create' | 'standard' | 'shared', RateLimit>>>
  readonly listener: ProviderListener
  /** Whether somebody's records name an agent run: one that vanishes before would be one that was never listed. */
  readonly isOwned: (run: AgentRun) => boolean
}

/** One of its own each time: a promise that all share would keep alive all who ever waited for it. */
const never = () => new Promise<never>(() => {})

/** One account, as the provider itself sees it. */
export class Provider {
  readonly standIn: StandIn
  /** Every agent run by its id. */
  readonly runs = new Map<number, AgentRun>()
  calls = 0
  readonly #options: ProviderOptions
  readonly #start: number
  #troubles: Troubles

  constructor(options: ProviderOptions) {
    const { clock, seed, troubles, limits } = options
    this.#options = options
    this.#troubles = troubles
    this.#start = clock.now()
    this.standIn = createStandIn({
      clock,
      seed,
      store: this.#store(),
      limits: { shared: { max: 60, windowMs: 60_000 }, ...limits },
      faults: troubles.faults,
      keepMetadata: troubles.keepMetadata,
      retryAfter: troubles.retryAfter > 0.5,
      ...(troubles.quota === undefined ? {} : { quota: troubles.quota }),
    })
  }

  /** The newest agent run of a key. */
  runOf(key: AttemptKey): AgentRun | undefined {
    const name = formatKey(key)
    return [...this.runs.values()].findLast((run) => run.name === name)
  }

  /** Whether an agent run still works or may be asked something: what would be paid for beside another. */
  isLive(run: AgentRun): boolean {
    const now = this.#options.clock.now()
    return !this.hasVanished(run, now) && (!hasEnded(run, now) || stateAt(run, now).status === 'PAUSED')
  }

  /** The provider's word for how an agent run stands. */
  statusOf(run: AgentRun): string | null {
    return stateAt(run, this.#options.clock.now()).status
  }

  /** Whether a turn of an agent run has ended with an answer. */
  hasAnswered(run: AgentRun, turn: number): boolean {
    const found = run.turns.findLast(({ number }) => number === turn)
    return found !== undefined && hasAnswered(found, this.#options.clock.now())
  }

  hasVanished(run: AgentRun, now = this.#options.clock.now()): boolean {
    const { seed, isOwned } = this.#options
    if (chance(seed, `vanish/${run.id}`) >= this.#troubles.vanishing || !isOwned(run)) return false
    return now >= run.at + Math.floor(10_000 * chance(seed, `vanish-when/${run.id}`))
  }

  /** From now on the account is in order, and the way to it is short. What has vanished stays so. */
  heal(): void {
    const { keepMetadata, vanishing } = this.#troubles
    this.#troubles = { ...NO_TROUBLES, keepMetadata, vanishing }
    this.standIn.setFaults({ reset: 0, error: 0, slow: 0, stale: 0, 'answer-lost': 0, garbage: 0 })
    this.raiseQuota()
  }

  raiseQuota(): void {
    this.standIn.setQuota(Number.POSITIVE_INFINITY)
  }

  /** The token is good again. */
  unlock(): void {
    this.#troubles = { ...this.#troubles, locked: undefined }
  }

  /** What a request is, before it leaves. */
  async announce(request: Request): Promise<ProviderCall> {
    const kind = kindOf(request)
    const mark = kind === 'create' || kind === 'resume' ? findMark(await request.clone().text()) : undefined
    // A JSON text has its line ends escaped, the mark is whole all the same.
    return { number: this.calls++, kind, key: mark?.key, turn: mark?.turn }
  }

  /** How long a call (or its answer) is on its way, ms. */
  delayOf(call: ProviderCall, way: 'there' | 'back'): number {
    const { seed } = this.#options
    const roll = chance(seed, `delay/${way}/${call.number}`)
    const { slowestMs } = this.#troubles
    // Mostly quick: half of all calls take less than a sixteenth of the longest.
    return Math.round(20 + slowestMs * roll ** 4)
  }

  /** The call has arrived: what it is answered; never, at times. */
  async arrive(call: ProviderCall, request: Request): Promise<Response> {
    const { clock, seed, listener } = this.#options
    const roll = (word: string) => chance(seed, `${word}/${call.number}`)
    listener.onArrival(call)
    const { locked, refused, silent } = this.#troubles
    const sinceStart = clock.now() - this.#start
    if (locked !== undefined && sinceStart >= locked.fromMs && sinceStart < locked.untilMs) {
      return Response.json({ message: 'No access', status_code: locked.status }, { status: locked.status })
    }
    if (roll('refused') < refused) return this.#refusal(roll('until'), roll('retry-after'))
    const isSilent = roll('silent') < silent
    if (isSilent && roll('carried-out') < 0.5) return never()
    const gone = this.#goneRun(call, request)
    if (gone !== undefined) return gone
    // What has arrived is carried out, even when nobody waits for the answer any more.
    const answer = await this.standIn.fetch(new Request(request, { signal: new AbortController().signal }))
    if (isSilent) return never()
    return call.kind === 'list' && answer.ok ? this.#filtered(answer) : answer
  }

  async tellAnswer(call: ProviderCall, settled: { response: Response } | { error: unknown }): Promise<void> {
    const { listener } = this.#options
    if ('error' in settled) listener.onAnswer(call, 0, String(settled.error))
    else listener.onAnswer(call, settled.response.status, (await settled.response.clone().text()).slice(0, 200))
  }

  #refusal(howLong: number, says: number): Response {
    const headers: Record<string, string> = {}
    if (says < this.#troubles.retryAfter) headers['retry-after'] = String(1 + Math.floor(10 * howLong))
    return Response.json({ message: 'Too many requests', status_code: 429 }, { status: 429, headers })
  }

  #goneRun({ kind, key }: ProviderCall, request: Request): Response | undefined {
    const id = Number(/\/agent\/run\/(\d+)/.exec(request.url)?.[1] ?? Number.NaN)
    const run = kind === 'resume' && key !== undefined ? this.runOf(key) : this.runs.get(id)
    if (run === undefined || !this.hasVanished(run)) return undefined
    return Response.json({ message: 'Agent run not found', status_code: 404 }, { status: 404 })
  }

  /** The list without those that are listed late or have vanished. */
  async #filtered(answer: Response): Promise<Response> {
    const { clock } = this.#options
    const text = await answer.text()
    let page: { items?: { id?: number }[]; total?: number }
    try {
      page = JSON.parse(text) as typeof page
    } catch {
      return new Response(text, { status: answer.status, headers: answer.headers })
    }
    const { items = [], total } = page
    const now = clock.now()
    const shown = items.filter(({ id }) => {
      const run = this.runs.get(Number(id))
      return run === undefined || (run.at + this.#troubles.listedLateMs <= now && !this.hasVanished(run, now))
    })
    const rest = total === undefined ? {} : { total: total - (items.length - shown.length) }
    return Response.json({ ...page, items: shown, ...rest }, { status: answer.status })
  }

  /** Keeps what the stand-in accepted, so that the truth can be asked for without a call. */
  #store(): StandInStore {
    return { past: [], append: async (line) => this.#accepted(line), close: async () => {} }
  }

  #accepted(line: StoreLine): void {
    const { listener } = this.#options
    if (line.type === 'create') {
      const run = createRun(line)
      this.runs.set(run.id, run)
      listener.onCreated(run, run.key)
    } else if (line.type === 'resume') {
      const run = this.runs.get(line.id)
      if (run === undefined) return
      resumeRun(run, line)
      const turn = newestTurn(run)
      listener.onPrompted(run, findMark(turn.prompt)?.key ?? run.key, turn.number)
    }
  }
}

export const NO_TROUBLES: Troubles = {
  faults: {},
  slowestMs: 200,
  refused: 0,
  retryAfter: 0,
  silent: 0,
  listedLateMs: 0,
  keepMetadata: true,
  quota: undefined,
  locked: undefined,
  vanishing: 0,
}

function kindOf({ method, url }: Request): CallKind {
  const { pathname } = new URL(url)
  if (method === 'POST')
    return pathname.endsWith('/agent/run') ? 'create' : pathname.endsWith('/resume') ? 'resume' : 'other'
  if (pathname.endsWith('/agent/runs')) return 'list'
  if (pathname.endsWith('/logs')) return 'logs'
  return /\/agent\/run\/\d+$/.test(pathname) ? 'get' : 'other'
}

/** A process's way to the provider: what is on its way when the process dies arrives, or not, and is answered to nobody. */
export async function sendTo(
  provider: Provider,
  clock: Clock,
  request: Request,
  process: { readonly isDead: boolean },
  tell: (call: ProviderCall) => void,
  survives: (call: ProviderCall) => boolean,
): Promise<Response> {
  const call = await provider.announce(request)
  if (process.isDead) return never()
  tell(call)
  if (process.isDead) return never()
  await sleep(clock, provider.delayOf(call, 'there'))
  if (process.isDead && !survives(call)) return never()
  const settled = await provider.arrive(call, request).then(
    (response) => ({ response }),
    (error: unknown) => ({ error }),
  )
  await provider.tellAnswer(call, settled)
  if (process.isDead) return never()
  await sleep(clock, provider.delayOf(call, 'back'))
  if (process.isDead) return never()
  if ('error' in settled) throw settled.error
  return settled.response
}
