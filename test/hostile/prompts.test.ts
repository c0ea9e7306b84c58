import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { type Asked, allSaying, carriedOut, inHostileWorld, logsSaying } from './hostile-world.ts'
import { faultsOf, outside } from './prompt-faults.ts'
import { ALL, EVIL, HOSTILE, NAMED } from './texts.ts'

describe('what an agent returns', () => {
  it.each([...Object.entries(HOSTILE), ['all of them', ALL]])(
    'is data in every prompt that it goes into: %s',
    async (_, text) => {
      await inHostileWorld({ a: allSaying(text) }, async ({ world, asked, of }) => {
        const run = await carriedOut(world)
        expect(asked.flatMap((one) => faultsOf(run, one))).toEqual([])
        const states = world.orchestrator.view(run).tasks.map(({ task, state }) => [task, state])
        expect(states).toEqual([
          ['a', 'completed'],
          ['read', 'completed'],
          ['follow', 'completed'],
          ['each[0]', 'completed'],
          ['each[1]', 'completed'],
          ['unless', 'skipped'],
        ])
        const told = ['read', 'each[0]', 'each[1]', 'manager'].filter((task) => of(task).join().includes(EVIL))
        expect(told).toEqual(['read', 'each[0]', 'each[1]', 'manager'])
        expect(outside(of('read')[0] ?? '')).toMatch(/^Whole: \n\nOutput: /)
      })
    },
  )

  it('reaches no branch line but as a quoted name, and no web address that is none', async () => {
    await inHostileWorld({ a: allSaying(ALL) }, async ({ world, of }) => {
      const run = await carriedOut(world)
      const [line = ''] = (of('follow')[0] ?? '').split('\n').filter((each) => each.startsWith('> '))
      expect(line).toMatch(
        /^> Work of the tasks this one needs: a on branch "EVIL (?:[^"\\]|\\.)*", a on branch "fix\/1"$/,
      )
      const { pullRequests = [] } = world.orchestrator.view(run).tasks[0] ?? {}
      expect(pullRequests).toEqual([
        { title: ALL, branch: ALL },
        { title: ALL, branch: 'fix/1' },
      ])
    })
  })
})

describe('what a failed attempt leaves', () => {
  /** A task for each text. */
  const each = (script: object, more: object = {}) =>
    defineWorkflow({
      name: 'each',
      concurrency: 20,
      defaults: { repository: 'acme/shop', retry: { attempts: 2, delay: '1s' }, onFailure: 'escalate' },
      tasks: Object.fromEntries(
        NAMED.map(([id]) => [
          id,
          { prompt: `Do it\n{% raw %}[simulate:${JSON.stringify(script)}]{% endraw %}`, ...more },
        ]),
      ),
    } as never)

  /** The stand-in's own script line stands in the task's prompt, which is the workflow's. */
  const withoutScript = (asked: readonly Asked[]) =>
    asked.map((one) => ({ ...one, text: one.text.replace(/^\[simulate:.*\]$/m, '') }))
  const turnsOf = (asked: readonly Asked[], id: string) =>
    asked.filter(({ task }) => task === id).map(({ attempt, turn }) => `${attempt}/${turn}`)

  it('is told to the next attempt as data, its log and its words, and to a person', async () => {
    const answers = Object.fromEntries(NAMED.map(([id, text]) => [id, allSaying(text)]))
    await inHostileWorld(answers, async ({ world, network, asked }) => {
      network.always('logs', logsSaying(ALL))
      const run = await carriedOut(world, each({ outcome: 'error' }))
      const prompts = withoutScript(asked)
      expect(prompts.flatMap((one) => faultsOf(run, one))).toEqual([])
      for (const [id] of NAMED) expect([id, turnsOf(asked, id)]).toEqual([id, ['1/1', '2/1']])
      expect(prompts.filter(({ attempt, text }) => attempt === 2 && text.includes(EVIL))).toHaveLength(NAMED.length)
      for (const task of world.orchestrator.view(run).tasks) expect(task).toMatchObject({ state: 'escalated' })
    })
  })

  it('is asked for again as data where its report does not fit or says that it failed', async () => {
    const output = {
      type: 'object',
      required: ['n'],
      properties: { n: { enum: ['one'] } },
      additionalProperties: false,
    }
    const says = (text: string) => (turn: number) => {
      const unfit = { status: 'completed', task_id: text, turn, result: { n: text, [text]: 1 }, metrics: { [text]: 1 } }
      const failed = { status: 'failed', turn, result: text }
      return { result: JSON.stringify(turn === 1 ? unfit : failed), summary: text }
    }
    const answers = Object.fromEntries(NAMED.map(([id, text]) => [id, says(text)]))
    await inHostileWorld(answers, async ({ world, asked }) => {
      const run = await carriedOut(world, each({}, { output }))
      const prompts = withoutScript(asked)
      expect(prompts.flatMap((one) => faultsOf(run, one))).toEqual([])
      for (const [id] of NAMED) expect([id, turnsOf(asked, id)]).toEqual([id, ['1/1', '1/2', '2/1', '2/2']])
      const repeated = prompts.filter(({ attempt, turn }) => attempt === 2 && turn === 1)
      expect(repeated.filter(({ text }) => text.includes(EVIL))).toHaveLength(NAMED.length)
    })
  })
})
