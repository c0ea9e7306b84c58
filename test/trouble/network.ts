/** A network that does to the call that a test names what the test says, and carries all others. */
import { type Clock, sleep } from '../../src/domain/clock.ts'
import type { Network } from '../simulation/world.ts'

/** What a request to the account is. */
export type Call = 'create' | 'resume' | 'get' | 'list' | 'logs' | 'other'

/** What becomes of a call. */
export type Fate = Network

/** An agent run as the API writes it. */
export type RunJson = Readonly<Record<string, unknown>>

interface Rule {
  readonly call: Call
  readonly fate: Fate
  readonly when: (request: Request) => boolean
  left: number
}

/** Carries every call until it is told otherwise, and keeps what was asked. */
export class ScriptedNetwork {
  /** Every call that left, in order. */
  readonly calls: Call[] = []
  #rules: Rule[] = []
  #change: (run: RunJson) => RunJson | undefined = (run) => run

  /** The next `times` calls of the kind that fit `when` have this fate. What was said first comes first. */
  next(
    call: Call,
    fate: Fate,
    { times = 1, when = () => true }: Partial<Pick<Rule, 'when'>> & { times?: number } = {},
  ) {
    this.#rules.push({ call, fate, when, left: times })
  }

  /** From now on, calls of the kind have this fate. */
  always(call: Call, fate: Fate, when: (request: Request) => boolean = () => true): void {
    this.next(call, fate, { times: Number.POSITIVE_INFINITY, when })
  }

  /** Forgets what was said of calls. */
  heal(): void {
    this.#rules = []
  }

  /** From now on every agent run is shown so; undefined: in no list. */
  show(change: (run: RunJson) => RunJson | undefined): void {
    this.#change = change
  }

  count(call: Call): number {
    return this.calls.filter((made) => made === call).length
  }

  readonly carry: Network = async (request, deliver) => {
    const call = callOf(request)
    this.calls.push(call)
    const shown: typeof deliver = async (sent) => this.#shown(call, await deliver(sent))
    const sent = await detached(request)
    const rule = this.#rules.find((one) => one.call === call && one.left > 0 && one.when(sent))
    if (rule === undefined) return shown(sent)
    rule.left--
    return rule.fate(sent, shown)
  }

  async #shown(call: Call, answer: Response): Promise<Response> {
    if (!answer.ok || call === 'logs' || call === 'other') return answer
    const json = (await answer.json()) as RunJson
    const items = json['items']
    if (!Array.isArray(items)) return Response.json(this.#change(json) ?? json)
    const shown = (items as RunJson[]).flatMap((run) => this.#change(run) ?? [])
    return Response.json({ ...json, items: shown, total: Number(json['total']) - (items.length - shown.length) })
  }
}

function callOf({ method, url }: Request): Call {
  const { pathname } = new URL(url)
  if (pathname.endsWith('/agent/run/resume')) return 'resume'
  if (pathname.endsWith('/agent/run')) return 'create'
  if (pathname.endsWith('/agent/runs')) return 'list'
  if (pathname.endsWith('/logs')) return 'logs'
  return method === 'GET' && /\/agent\/run\/\d+$/.test(pathname) ? 'get' : 'other'
}

/** The same, but what has left arrives though whoever sent it waits no longer. */
async function detached(request: Request): Promise<Request> {
  const { url, method, headers } = request
  return new Request(url, method === 'GET' ? { headers } : { method, headers, body: await request.text() })
}

const broken = () => new TypeError('fetch failed')
const silence = () => new Promise<never>(() => {})

/** The connection breaks on the way there: nothing arrives. */
export const lostBefore: Fate = async () => {
  throw broken()
}

/** It is carried out, and the connection breaks on the way back. */
export const lostAfter: Fate = async (request, deliver) => {
  await deliver(request)
  throw broken()
}

/** It never arrives, and nobody says so. */
export const swallowed: Fate = silence

/** It is carried out, and no answer ever comes. */
export const unanswered: Fate = async (request, deliver) => {
  await deliver(request)
  return silence()
}

/** It arrives twice; the second answer comes, or none. */
export const doubled =
  (answer: 'answered' | 'lost'): Fate =>
  async (request, deliver) => {
    await deliver(request.clone())
    const second = await deliver(request)
    if (answer === 'lost') throw broken()
    return second
  }

/** It is not carried out; this is answered instead. */
export const refused =
  (status: number, body: unknown = { message: 'No', status_code: status }): Fate =>
  async () =>
    Response.json(body, { status })

/** It arrives, or its answer does, `ms` later than others. */
export const late =
  (clock: Clock, ms: { readonly there?: number; readonly back?: number }): Fate =>
  async (request, deliver) => {
    await sleep(clock, ms.there ?? 0)
    const answer = await deliver(request)
    await sleep(clock, ms.back ?? 0)
    return answer
  }

/** It is carried out, and this is answered instead. */
export const answered =
  (body: (json: RunJson) => unknown): Fate =>
  async (request, deliver) => {
    const json = (await (await deliver(request)).json()) as RunJson
    const text = body(json)
    return new Response(typeof text === 'string' ? text : JSON.stringify(text), {
      headers: { 'content-type': 'application/json' },
    })
  }
