import type { Hono } from 'hono'
import type { Clock } from '../../../domain/clock.ts'
import type { StandInEnv } from './faults.ts'
import type { Gate } from './gate.ts'
import { readBody, webhookBody, webhookTestBody } from './input.ts'
import type { StandInRuns } from './runs.ts'
import type { WebhookCaller } from './webhooks.ts'

/** Adds the organization's webhook setting and its test. */
export function addWebhookRoutes(
  app: Hono<StandInEnv>,
  parts: { gate: Gate; runs: StandInRuns; clock: Clock; webhooks: WebhookCaller },
): void {
  const { gate, runs, clock, webhooks } = parts
  const path = '/v1/organizations/:org_id/webhooks/agent-run'

  app.get(path, (c) => {
    const config = runs.webhookConfig
    const secret = config?.secret ?? null
    return c.json({ url: config?.url ?? null, enabled: config?.enabled ?? false, has_secret: secret !== null })
  })
  app.post(path, async (c) => {
    const { url, secret = null, enabled } = await readBody(c, webhookBody)
    await runs.setWebhook({ url, secret, enabled }, clock.now())
    return c.json({ message: 'Webhook configuration saved.' })
  })
  app.delete(path, async (c) => {
    await runs.setWebhook(null, clock.now())
    return c.json({ message: 'Webhook configuration deleted.' })
  })
  app.post(`${path}/test`, gate.limited('webhook-test'), async (c) => {
    webhooks.test((await readBody(c, webhookTestBody)).url)
    return c.json({ message: 'Test webhook sent.' })
  })
}
