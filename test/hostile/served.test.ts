import { describe, expect, it, onTestFinished } from 'vitest'
import type { RunRecord } from '../../src/domain/record.ts'
import { createLog } from '../../src/server/log.ts'
import { serve } from '../../src/server.ts'
import type { World } from '../simulation/world.ts'
import { ApiContract } from '../support/api-contract.ts'
import { parsePrometheus } from '../support/prometheus-text.ts'
import { openStream, seen } from '../support/stream-client.ts'
import { allSaying, carriedOut, inHostileWorld, logsSaying } from './hostile-world.ts'
import { ALL, EVIL } from './texts.ts'

const WHOLE = { a: allSaying(ALL), read: allSaying(ALL), manager: allSaying(ALL) }

interface Served {
  readonly url: string
  readonly port: number
  readonly run: string
  readonly world: World
  /** What was logged of it. */
  readonly lines: readonly string[]
}

/** A run in which hostile agents have said all they can, served. */
function served(look: (given: Served) => Promise<void>): Promise<void> {
  return inHostileWorld(WHOLE, async ({ world, network }) => {
    network.always('logs', logsSaying(ALL))
    const run = await carriedOut(world)
    const lines: string[] = []
    const log = createLog({ level: 'debug', write: (line) => void lines.push(line) })
    const server = await serve(world.orchestrator, { port: 0, log, drainMs: 200 })
    onTestFinished(() => server.close())
    await look({ url: server.url, port: server.port, run, world, lines })
    await server.close()
  })
}

/** What a body holds up to and with what fits; the rest is not waited for. */
async function readUntil(address: string, fits: (text: string) => boolean): Promise<string> {
  const leave = new AbortController()
  const { body } = await fetch(address, { signal: leave.signal })
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (fits(text)) break
  }
  leave.abort()
  return text
}

describe('what is served of hostile agents', () => {
  it('is JSON as the description says, whatever is asked, and a line of JSON each in the log', async () => {
    await served(async ({ url, run, world, lines }) => {
      const contract = new ApiContract()
      const answers = new Map<string, string>()
      for (const path of ['', '/tasks', '/tasks/a', '/tasks/a/result', '/records', '/outcome']) {
        const address = `${url}/v1/runs/${run}${path}`
        const answer = await fetch(address)
        expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, 'application/json'])
        expect(answer.headers.get('x-content-type-options')).toEqual('nosniff')
        answers.set(path, await answer.clone().text())
        await contract.check('GET', address, answer)
      }
      expect(JSON.parse(answers.get('/tasks/a/result') ?? '')).toEqual(await world.orchestrator.result(run, 'a'))
      expect(answers.get('/tasks/a')).toContain(EVIL)
      expect(lines.length).toBeGreaterThan(5)
      expect(lines.filter((line) => !/^\{[^\p{Cc}]*\}\n$/u.test(line))).toEqual([])
    })
  })

  it('is one event of the stream each, over Server-Sent Events and over WebSocket: none that nobody sent', async () => {
    await served(async ({ url, port, run, world }) => {
      const records = await world.stored(run)
      const caughtUp = (text: string) => /^event: caught-up\n(?:.+\n)+\n/m.test(text)
      const text = await readUntil(`${url}/v1/events?run=${run}&after=start`, caughtUp)
      const lines = text.split('\n').filter((line) => line !== '')
      expect(
        lines.filter(
          (line) => !/^(?:retry: \d+|event: (?:records|caught-up)|id: [\w,:.-]+|data: [^\r\n]*|:[^\r\n]*)$/.test(line),
        ),
      ).toEqual([])
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as unknown)
      expect(data.filter((each) => Array.isArray(each)).flat() as RunRecord[]).toEqual(records)
      expect(text.includes(EVIL)).toEqual(true)

      const client = await openStream(port)
      client.say({ type: 'subscribe', id: 's', runs: [run], after: 'start' })
      await client.until(({ type }) => type === 'caught-up')
      const told = client.said.flatMap((said) => (said.type === 'records' ? (said['records'] as RunRecord[]) : []))
      expect([told, new Set(seen(client)).size]).toEqual([records, records.length])
    })
  })

  it('is in no page, and no label of the metrics', async () => {
    await served(async ({ url }) => {
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect([Object.keys(parsePrometheus(metrics)).length > 20, metrics.includes(EVIL)]).toEqual([true, false])
      for (const page of ['/docs', '/openapi.json', '/machines']) {
        const answer = await fetch(`${url}${page}`)
        expect([page, answer.status, (await answer.text()).includes(EVIL)]).toEqual([page, 200, false])
      }
    })
  })
})
