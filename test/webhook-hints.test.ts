import { createHmac } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import type { WebhookOptions } from '../src/backends/codegen/stand-in/webhooks.ts'
import { createCodegenWebhook } from '../src/backends/codegen/webhook.ts'
import { sleep } from '../src/domain/clock.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const URL = 'https://troupe.example.com/v1/webhooks/codegen'
const SECRET = 'shared-with-codegen'
const ANSWER_MS = 200
const HALF_HOUR_MS = 1_800_000

const sign = (body: string, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex')
const work = defineWorkflow({
  name: 'work',
  defaults: { backend: 'codegen', retry: { attempts: 1 } },
  tasks: { work: { prompt: 'Work', simulate: { duration: '30m' } } },
})

interface Hooks extends Omit<WebhookOptions, 'deliver'> {
  /** What becomes of a webhook on its way. */
  readonly onTheWay?: (
    body: string,
    headers: Readonly<Record<string, string>>,
  ) => { body: string; headers: Readonly<Record<string, string>> } | undefined
}

/** An orchestrator whose account calls webhooks, all in virtual time. */
async function hooked({ onTheWay = (body, headers) => ({ body, headers }), ...hooks }: Hooks = {}) {
  const clock = createVirtualClock()
  const answers: number[] = []
  const sent: { readonly url: string; readonly at: number }[] = []
  const reads: number[] = []
  const created: number[] = []
  const standIn = createStandIn({
    clock,
    webhooks: {
      ...hooks,
      async deliver(url, body, headers) {
        sent.push({ url, at: clock.now() })
        const delivered = onTheWay(body, headers)
        if (delivered) await post(delivered.body, delivered.headers)
      },
    },
  })
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-webhooks-'))
  const orchestrator = await createLocalOrchestrator({
    dataDir,
    clock,
    environment: { baseUrl: 'http://codegen.invalid', token: 'token', webhook: { url: URL, secret: SECRET } },
    async fetch(input, init) {
      const request = new Request(input, init)
      if (request.method === 'GET' && /agent\/runs?\b/.test(request.url)) reads.push(clock.now())
      await sleep(clock, ANSWER_MS / 2)
      const answer = await standIn.fetch(request)
      if (/agent\/run$/.test(request.url)) created.push(((await answer.clone().json()) as { id: number }).id)
      await sleep(clock, ANSWER_MS / 2)
      return answer
    },
  })
  onTestFinished(async () => {
    await orchestrator.close()
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const app = createCodegenWebhook({ secret: SECRET, clock, wake: (id) => orchestrator.hint('codegen', id) })
  async function post(body: string, headers: Readonly<Record<string, string>>): Promise<void> {
    answers.push((await app.fetch(new Request(URL, { method: 'POST', body, headers: { ...headers } }))).status)
  }
  /** Carries a run out; when it was over, ms. */
  const carryOut = async () => {
    const settled = orchestrator.settled(await orchestrator.start(work, {}, {}))
    await clock.runUntil(settled)
    return { status: (await settled).status, agents: created.length, over: clock.now() }
  }
  return { clock, orchestrator, standIn, dataDir, answers, sent, reads, created, post, carryOut }
}

describe('webhooks of Codegen', () => {
  it('shorten the wait for the end of an agent run to a second', async () => {
    const { carryOut, sent, answers } = await hooked()
    const { status, over } = await carryOut()
    const [webhook] = sent
    expect([status, answers, sent.length, webhook?.url]).toEqual(['completed', [202], 1, URL])
    expect(over - (webhook?.at ?? 0)).toBeLessThanOrEqual(1000)
  })

  it.each([
    ['dropped', { onTheWay: () => undefined }, []],
    ['unsigned', { unsigned: true }, [401]],
    [
      'forged',
      { onTheWay: (body: string) => ({ body, headers: { 'x-codegen-signature': sign(body, 'a guess') } }) },
      [401],
    ],
    ['garbled', { onTheWay: () => ({ body: '<html>', headers: { 'x-codegen-signature': sign('<html>') } }) }, [202]],
  ] satisfies [string, Hooks, number[]][])(
    'change nothing but that wait when they are %s',
    async (_how, hooks, codes) => {
      const { carryOut, answers, sent } = await hooked(hooks)
      const { status, agents, over } = await carryOut()
      expect([status, agents, answers]).toEqual(['completed', 1, codes])
      // It is looked at every 8 s by then.
      expect(over - (sent[0]?.at ?? 0)).toBeLessThanOrEqual(9000)
    },
  )

  it('change nothing when they come late or twice', async () => {
    const late = await hooked({ lateMs: 90_000 })
    const twice = await hooked({ doubled: true })
    const outcomes = [await late.carryOut(), await twice.carryOut()]
    await late.clock.advance(100_000)
    expect(outcomes.map(({ status, agents }) => [status, agents])).toEqual([
      ['completed', 1],
      ['completed', 1],
    ])
    expect([late.answers, twice.answers]).toEqual([[202], [202, 200]])
  })

  it('never decide: what one says of an agent run that works on is not believed', async () => {
    const { orchestrator, clock, post, created, standIn } = await hooked()
    const run = await orchestrator.start(work, {}, {})
    await clock.advance(60_000)
    const body = JSON.stringify({ event: 'agent_run.completed', agent_run_id: created[0], status: 'FAILED' })
    await post(body, { 'x-codegen-signature': sign(body) })
    await clock.advance(60_000)
    expect([orchestrator.view(run).tasks.map(({ state }) => state), standIn.creations()]).toEqual([
      ['running'],
      { [`${run}/work/1`]: 1 },
    ])
  })

  it('cost one read in 5 s for an agent run, and none for others, however many come', async () => {
    const { orchestrator, clock, post, reads, created, answers } = await hooked()
    await orchestrator.start(work, {}, {})
    await clock.advance(HALF_HOUR_MS / 2)
    const before = reads.length
    const flood = async (name: (n: number) => number) => {
      for (let n = 0; n < 3000; n++) {
        const body = JSON.stringify({ agent_run_id: name(n), n })
        await post(body, { 'x-codegen-signature': sign(body) })
        await clock.advance(20)
      }
      return reads.length
    }
    const flooded = await flood(() => created[0] ?? 0)
    const others = await flood((n) => 1_000_000 + n)
    // A minute of them: one each 5 s, and the poll that was due anyway. Without webhooks it is read every 8 s.
    expect([flooded - before >= 10, flooded - before <= 14]).toEqual([true, true])
    expect(others - flooded).toBeLessThanOrEqual(8)
    expect([answers.length, new Set(answers)]).toEqual([6000, new Set([202])])
  }, 60_000)

  it('leave their secret in no file', async () => {
    const { carryOut, dataDir } = await hooked()
    await carryOut()
    const files = await readdir(dataDir, { recursive: true, withFileTypes: true })
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
    )
    expect([texts.length > 2, texts.join('').includes(SECRET), texts.join('').includes('troupe.example.com')]).toEqual([
      true,
      false,
      false,
    ])
  })
})

describe('a hint', () => {
  it('is ignored for accounts and agent runs that are not known, and after the end', async () => {
    const { orchestrator, clock, reads } = await hooked()
    const hint = () => {
      for (const account of ['codegen', 'simulated', 'nobody', '']) {
        for (const id of ['1', '', '__proto__', 'x'.repeat(10_000)]) orchestrator.hint(account, id)
      }
    }
    expect(hint).not.toThrow()
    await orchestrator.start(work, {}, {})
    await clock.advance(1000)
    expect(hint).not.toThrow()
    await orchestrator.close()
    expect(hint).not.toThrow()
    const asked = reads.length
    await clock.advance(60_000)
    expect(reads.length).toBe(asked)
  })
})
