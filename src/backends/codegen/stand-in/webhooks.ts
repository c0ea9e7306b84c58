import { createHmac } from 'node:crypto'
import type { Clock, TimerHandle } from '../../../domain/clock.ts'
import { type AgentRun, newestTurn } from './agent-run.ts'
import { stateAt } from './agent-state.ts'
import { ORGANIZATION_ID } from './answers.ts'
import type { WebhookConfig } from './runs.ts'
import type { WebhookTarget } from './store.ts'

/** How the stand-in calls webhooks. The real service's payload, header and retries are documented nowhere. */
export interface WebhookOptions {
  /** Sends one; what it throws is forgotten, as the stand-in does not try again. */
  deliver(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void>
  /** How long after the agent's end, ms. Default 200. */
  readonly lateMs?: number
  /** Every webhook comes twice. */
  readonly doubled?: boolean
  /** No signature, even where a secret is set. */
  readonly unsigned?: boolean
}

/** Calls the webhook of an agent run, or else the organization's, when the run ends. */
export interface WebhookCaller {
  /** The run has a new turn, or was stopped. */
  watch(run: AgentRun): void
  test(url: string): void
  close(): void
}

/** The header third parties expect: hex HMAC-SHA256 of the raw body. */
const SIGNATURE_HEADER = 'x-codegen-signature'

export function createWebhookCaller(
  options: WebhookOptions | undefined,
  clock: Clock,
  config: () => WebhookConfig,
): WebhookCaller {
  const timers = new Map<number, TimerHandle>()
  let closed = false

  const call = ({ url, secret }: WebhookTarget, payload: object) => {
    if (options === undefined || closed) return
    const body = JSON.stringify(payload)
    const signature = secret && !options.unsigned ? createHmac('sha256', secret).update(body).digest('hex') : undefined
    const headers = {
      'content-type': 'application/json',
      ...(signature === undefined ? {} : { [SIGNATURE_HEADER]: signature }),
    }
    for (let n = options.doubled ? 2 : 1; n > 0; n--) options.deliver(url, body, headers).catch(() => {})
  }
  const ended = (run: AgentRun) => {
    const { status, result } = stateAt(run, clock.now())
    const payload = { event: 'agent_run.completed', agent_run_id: run.id, organization_id: ORGANIZATION_ID, status }
    for (const target of targetsOf(run, config())) call(target, { ...payload, result })
  }

  return {
    watch(run) {
      const pending = timers.get(run.id)
      if (pending !== undefined) clock.clearTimeout(pending)
      timers.delete(run.id)
      const turn = newestTurn(run)
      const endsAt = Math.min(turn.endsAt, turn.cancelledAt ?? Infinity)
      if (options === undefined || closed || !Number.isFinite(endsAt)) return
      const timer = clock.setTimeout(
        () => {
          timers.delete(run.id)
          ended(run)
        },
        Math.max(0, endsAt - clock.now()) + (options.lateMs ?? 200),
      )
      timers.set(run.id, timer)
    },
    test: (url) => call({ url }, { event: 'test', organization_id: ORGANIZATION_ID }),
    close() {
      closed = true
      for (const timer of timers.values()) clock.clearTimeout(timer)
      timers.clear()
    },
  }
}

function targetsOf(run: AgentRun, config: WebhookConfig): readonly WebhookTarget[] {
  return newestTurn(run).webhooks ?? (config?.enabled ? [config] : [])
}
