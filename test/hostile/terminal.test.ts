import { describe, expect, it } from 'vitest'
import { askPerson } from '../../src/cli/ask-person.ts'
import { plainLine } from '../../src/cli/plain-line.ts'
import { renderShow } from '../../src/cli/show-text.ts'
import { renderSummary } from '../../src/cli/summary.ts'
import { renderTree } from '../../src/cli/tree.ts'
import type { RunView } from '../../src/domain/views.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { allSaying, carriedOut, inHostileWorld, logsSaying } from './hostile-world.ts'
import { ALL, EVIL, NAMED } from './texts.ts'

/** What a terminal would obey, but the end of a line. */
const OBEYED = /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
const ENDS = { done: {}, asks: { outcome: 'paused' }, broke: { outcome: 'error' }, failed: {} }

/** For each text a task that completes, one that asks, one that breaks off and one that says it failed. */
const STATES = defineWorkflow({
  name: 'states',
  concurrency: 100,
  defaults: { repository: 'acme/shop', retry: { attempts: 1 }, onFailure: 'escalate' },
  tasks: Object.fromEntries(
    NAMED.flatMap(([id]) =>
      Object.entries(ENDS).map(([end, script]) => [
        `${end}-${id}`,
        { prompt: `Work\n{% raw %}[simulate:${JSON.stringify(script)}]{% endraw %}` },
      ]),
    ),
  ),
} as never)

const answersOf = (said: (text: string) => string) =>
  Object.fromEntries(
    NAMED.flatMap(([id, text]) => [
      [`done-${id}`, allSaying(said(text))],
      [`asks-${id}`, { ...allSaying(said(text)), result: null }],
      [`broke-${id}`, allSaying(said(text))],
      [`failed-${id}`, { result: JSON.stringify({ status: 'failed', result: said(text) }) }],
    ]),
  )

/** What a person sees of a view: each way to show it. */
function drawn(view: RunView): Readonly<Record<string, readonly string[]>> {
  const paint = (text: string) => text
  const frame = { width: 200, height: 500, now: Date.parse(view.startedAt), paint, dataDir: '.troupe' }
  const summary = renderSummary(view, { status: view.status, reason: ALL }, frame)
  return { show: renderShow(view, frame), tree: renderTree([view], frame), summary }
}

/** A run in which all is said: what is drawn of it, line by line, and what its records say. */
async function told(said: (text: string) => string) {
  const seen: { view: RunView; records: readonly string[]; questions: string[] }[] = []
  await inHostileWorld(answersOf(said), async ({ world, network }) => {
    network.always('logs', logsSaying(said(ALL)))
    const run = await carriedOut(world, STATES)
    const records = (await world.stored(run)).map((record) => plainLine(record, true))
    const questions: string[] = []
    await askPerson(world.orchestrator, run, async (question) => {
      questions.push(question)
      return undefined
    })
    seen.push({ view: world.orchestrator.view(run), records, questions })
  })
  const [only] = seen
  if (only === undefined) throw new Error('Nothing was told')
  return { ...only, drawn: drawn(only.view) }
}

describe('what a person is shown of hostile agents', () => {
  it('holds nothing that a terminal obeys, and no line of their own', async () => {
    const hostile = await told((text) => text)
    const tame = await told(() => 'Plain words.')
    // A failure's line is left out where the reason says the same word for word.
    const heads = (lines: Readonly<Record<string, readonly string[]>>) =>
      Object.entries(lines).map(([name, each]) => [name, each.filter((line) => !/^ {4}failed /.test(line)).length])
    expect(heads(hostile.drawn)).toEqual(heads(tame.drawn))
    const lines = [...Object.values(hostile.drawn).flat(), ...hostile.records]
    expect(lines.filter((line) => line.includes('\n'))).toEqual([])
    expect([...lines, ...hostile.questions].flatMap((line) => line.match(OBEYED) ?? [])).toEqual([])
    expect(lines.filter((line) => line.includes(EVIL)).length).toBeGreaterThan(100)
    expect(hostile.questions).toHaveLength(1)
    expect(hostile.questions[0]).toContain(EVIL)
  })
})

describe('a result and a log', () => {
  it('are printed whole without what a terminal obeys, whichever part of them there is', async () => {
    await inHostileWorld(
      answersOf((text) => text),
      async ({ world, network }) => {
        network.always('logs', logsSaying(ALL))
        const run = await carriedOut(world, STATES)
        const cli = new FakeCli()
        cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
        cli.orchestrator.add(world.orchestrator.view(run))
        const logs = world.orchestrator.logs(run, `broke-${NAMED[0]?.[0]}`, 20)
        await world.clock.runUntil(logs)
        cli.orchestrator.entries = await logs
        const codes = [await cli.run('logs', run, 'logged')]
        expect([cli.stdout.text.split(EVIL).length > 20, cli.stderr.text]).toEqual([true, ''])
        for (const [id] of NAMED) {
          const result = await world.orchestrator.result(run, `done-${id}`)
          cli.orchestrator.results.set('whole', result).set('output', { ...result, result: '\u001b[2J' })
          codes.push(await cli.run('result', run, 'whole'), await cli.run('result', run, 'output'))
        }
        expect(codes.filter((code) => code !== 0)).toEqual([])
        expect(cli.stdout.text.match(OBEYED)).toEqual(null)
      },
    )
  })
})
