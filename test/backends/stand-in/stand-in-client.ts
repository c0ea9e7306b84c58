import { createStandIn, type StandIn, type StandInOptions } from '../../../src/backends/codegen/stand-in/stand-in.ts'
import type { JsonObject } from '../../../src/domain/json.ts'
import { createVirtualClock, type VirtualClock } from '../../../src/host/virtual-clock.ts'

const START = Date.UTC(2026, 0, 1)
export const ORGANIZATION = '/v1/organizations/1'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: JsonObject
}

/** A stand-in in virtual time and a client that has a token. */
export interface Scene {
  readonly clock: VirtualClock
  readonly standIn: StandIn
  call(method: string, path: string, body?: JsonObject): Promise<Answer>
  /** Creates an agent run and returns its id. */
  create(prompt: string, extra?: JsonObject): Promise<number>
  resume(id: number, prompt: string): Promise<Answer>
  read(id: number): Promise<JsonObject>
  logs(id: number, query?: string): Promise<JsonObject>
  list(query?: string): Promise<JsonObject>
}

export function createScene(options: Partial<StandInOptions> = {}): Scene {
  const clock = createVirtualClock(START)
  const standIn = createStandIn({ clock, ...options })
  const call = async (method: string, path: string, body?: JsonObject): Promise<Answer> => {
    const response = await standIn.fetch(`http://stand-in.invalid${path}`, {
      method,
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: asObject(await response.json()) }
  }
  const read = async (path: string) => (await call('GET', path)).body
  return {
    clock,
    standIn,
    call,
    async create(prompt, extra = {}) {
      const { body } = await call('POST', `${ORGANIZATION}/agent/run`, { prompt, ...extra })
      return Number(body['id'])
    },
    resume: (id, prompt) => call('POST', `${ORGANIZATION}/agent/run/resume`, { agent_run_id: id, prompt }),
    read: (id) => read(`${ORGANIZATION}/agent/run/${id}`),
    logs: (id, query = '') => read(`/v1/alpha/organizations/1/agent/run/${id}/logs${query}`),
    list: (query = '') => read(`${ORGANIZATION}/agent/runs${query}`),
  }
}

export function asObject(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`Not a JSON object: ${JSON.stringify(value)}`)
  }
  return Object.fromEntries(Object.entries(value))
}

export function objects(value: unknown): JsonObject[] {
  if (!Array.isArray(value)) throw new TypeError(`Not a list: ${JSON.stringify(value)}`)
  return value.map(asObject)
}

/** The fenced JSON block at the end of a result. */
export function reportOf(run: JsonObject): JsonObject {
  const block = /```json\n(.*)\n```$/s.exec(String(run['result']))
  return asObject(JSON.parse(block?.[1] ?? 'null'))
}

/** A prompt as troupe writes it. */
export function promptFor(mark: string, options: { line?: string; simulate?: JsonObject } = {}): string {
  const script = options.simulate === undefined ? [] : [`[simulate:${JSON.stringify(options.simulate)}]`]
  return [options.line ?? 'Do it.', '', ...script, `[troupe:${mark}]`].join('\n')
}
