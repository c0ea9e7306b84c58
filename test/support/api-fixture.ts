import type { Access } from '../../src/api/access.ts'
import { createRoutes, type RoutesOptions } from '../../src/api/routes.ts'
import { createRunAdmission, type RunAdmission } from '../../src/api/run-admission.ts'
import { createRunViews } from '../../src/api/run-views.ts'
import { ApiContract } from './api-contract.ts'
import { FakeOrchestrator, runView, taskView } from './fake-orchestrator.ts'

export const RUN = 'run_1'
/** A run that has ended. */
export const ENDED = 'run_0'

export interface Question {
  /** Sent as application/json. */
  readonly json?: unknown
  readonly body?: string | Uint8Array | ReadableStream
  readonly headers?: Readonly<Record<string, string>>
  readonly access?: Access
}

export interface Answer {
  readonly status: number
  /** Parsed where it is JSON; the text where it is not. */
  readonly body: unknown
  readonly headers: Headers
}

/** The routes over a fake orchestrator. */
export interface ApiFixture {
  readonly orchestrator: FakeOrchestrator
  readonly admission: RunAdmission
  readonly contract: ApiContract
  readonly closing: AbortController
  /** What was not thrown on purpose. */
  readonly errors: unknown[]
  /** Every answer is held against the OpenAPI document. */
  ask(method: string, path: string, question?: Question): Promise<Answer>
}

const REMOTE: Access = { may: 'command', via: 'rest', who: 'ada' }

/** The routes as a server offers them to the network, with a run of two tasks and one that has ended. */
export function serveApi(options: Partial<RoutesOptions> = {}): ApiFixture {
  const orchestrator = new FakeOrchestrator()
  const spec = taskView({ task: 'spec', state: 'running', commands: ['retry'] })
  const item = taskView({ task: 'execute[0]', state: 'running.needsInput' })
  orchestrator.add(runView({ run: ENDED, name: 'old', status: 'completed' }))
  orchestrator.add(runView({ run: RUN, tasks: [spec, item], commands: ['cancel', 'pause'] }))
  orchestrator.append(RUN, 3)
  orchestrator.settle(ENDED, { status: 'completed', exitCode: 0 })
  const admission = createRunAdmission()
  const closing = new AbortController()
  const errors: unknown[] = []
  const views = createRunViews(orchestrator, orchestrator.reader())
  const onError = (error: unknown) => errors.push(error)
  const parts = { orchestrator, views, admission, closing: closing.signal, trusted: false, version: '1.2.3', onError }
  const routes = createRoutes({ ...parts, ...options })
  const contract = new ApiContract()

  const ask = async (method: string, path: string, question: Question = {}): Promise<Answer> => {
    const { json, headers, access = REMOTE } = question
    const body = json === undefined ? question.body : JSON.stringify(json)
    const url = `http://127.0.0.1${path}`
    const request = new Request(url, {
      method,
      headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    })
    const response = await routes.fetch(request, { access })
    await contract.check(method, url, response)
    const text = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json') && text !== ''
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers }
  }
  return { orchestrator, admission, contract, closing, errors, ask }
}

/** The status of an answer, and the code of its error. */
export function outcomeOf({ status, body }: Answer): readonly [number, unknown] {
  const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined
  return [status, code]
}
