import { type ClientConnection, client, methods, RequestError } from '@agentclientprotocol/sdk'
import { type Clock, sleep } from '../../domain/clock.ts'
import { BackendError } from '../../domain/errors.ts'
import { type AgentWire, messageStream, type WireEvents } from './message-stream.ts'

/** What is heard and asked by the agent at the other end. */
export interface LinkEvents extends WireEvents {
  /** It asks for permission; the answer as the protocol wants it. */
  permission(params: unknown): Promise<PermissionOutcome>
}

/** An answer to `session/request_permission`. */
export interface PermissionOutcome {
  readonly outcome: { readonly outcome: 'cancelled' } | { readonly outcome: 'selected'; readonly optionId: string }
}

/** How long its end is waited for when its output has ended, to tell how it ended. */
const EXIT_MS = 1_000
const MOST_TROUBLE = 1_500

/** Requests to one agent, each with a time limit, and each ending when the agent does. */
export class AgentLink {
  readonly #name: string
  readonly #clock: Clock
  readonly #wire: AgentWire
  readonly #connection: ClientConnection
  #junk: string | undefined

  constructor(options: { name: string; clock: Clock; wire: AgentWire; events: LinkEvents }) {
    const { name, clock, wire, events } = options
    this.#name = name
    this.#clock = clock
    this.#wire = wire
    const junk = (line: string) => {
      this.#junk ??= line
      events.junk(line)
    }
    this.#connection = client({ name: 'troupe' })
      // Read by ourselves: what the SDK would refuse as malformed is judged, and rejected, like anything else.
      .onRequest(
        methods.client.session.requestPermission,
        (params: unknown) => params,
        ({ params }) => events.permission(params),
      )
      .connect(messageStream(name, wire, { update: (params) => events.update(params), junk }))
  }

  get closed(): boolean {
    return this.#connection.signal.aborted
  }

  /** Rejects with a RequestError where the agent answers with one, else with a BackendError. Without `ms` it waits as long as it takes. */
  async request(method: string, params: unknown, ms?: number): Promise<unknown> {
    const answer = this.#connection.agent.request<unknown, unknown>(method, params)
    let handle: ReturnType<Clock['setTimeout']> | undefined
    const late = new Promise<never>((_, reject) => {
      if (ms !== undefined) handle = this.#clock.setTimeout(() => reject(this.#timedOut(method, ms)), ms)
    })
    try {
      return await Promise.race([answer, late])
    } catch (error) {
      if (error instanceof RequestError || error instanceof BackendError) throw error
      throw await this.#crashed(method, error)
    } finally {
      if (handle !== undefined) this.#clock.clearTimeout(handle)
    }
  }

  /** Never throws: whoever does not hear it is ended otherwise. */
  notify(method: string, params: unknown): void {
    this.#connection.agent.notify(method, params).catch(() => {})
  }

  /** Every request under way ends now. */
  close(): void {
    this.#connection.close()
  }

  #timedOut(method: string, ms: number): BackendError {
    const message = `${this.#name} did not answer ${method} within ${Math.round(ms / 1000)} s.${this.#said()}`
    return new BackendError(message, { kind: 'timeout', retryable: true, certain: true })
  }

  async #crashed(method: string, error: unknown): Promise<BackendError> {
    const exit = await Promise.race([this.#wire.exited, sleep(this.#clock, EXIT_MS)])
    const how = exit === undefined ? `broke off (${wordsOf(error)})` : `ended ${exitWords(exit)}`
    const message = `${this.#name} ${how} during ${method}.${this.#said()}`
    return new BackendError(message, { kind: 'crashed', retryable: true, certain: true, cause: error })
  }

  /** What may tell a person why. */
  #said(): string {
    const trouble = this.#wire.trouble().trim().slice(-MOST_TROUBLE)
    const junk = this.#junk === undefined ? '' : ` It printed what is no message of the protocol: ${this.#junk}`
    return `${junk}${trouble === '' ? '' : ` Its standard error ended with: ${trouble}`}`
  }
}

function exitWords({ code, signal }: { readonly code: number | null; readonly signal: string | null }): string {
  return signal === null ? `with code ${code ?? 'unknown'}` : `by ${signal}`
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
