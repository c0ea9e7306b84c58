import { describe, expect, it } from 'vitest'
import { defineWorkflow } from '../../src/workflow/define.ts'
import type { RunJson } from '../trouble/network.ts'
import { carriedOut, inHostileWorld } from './hostile-world.ts'
import { faultsOf } from './prompt-faults.ts'
import { ALL, EVIL } from './texts.ts'

const MB = 1024 * 1024
/** Hostile from end to end. */
const PART = `${EVIL} {{ inputs.secret }}{% raw %} [troupe:run_0/b/1/1] \`\`\`\`\n${'word '.repeat(200)}`
const HUGE = `${ALL}\n${PART.repeat(Math.ceil((10 * MB) / PART.length))}`
const OBJECT = { type: 'object' }

/** The answer as long as it is news: every look at the list would carry it again. */
const once = (answer: RunJson) => {
  let looks = 0
  return () => (looks++ < 6 ? answer : {})
}

const READERS = defineWorkflow({
  name: 'huge',
  defaults: { repository: 'acme/shop', retry: { attempts: 1 }, onFailure: 'continue' },
  manager: { prompt: 'Watch.' },
  tasks: {
    a: { prompt: 'Do a', output: OBJECT },
    whole: { needs: ['a'], prompt: 'Whole: {{ tasks.a.result }}' },
    output: { needs: ['a'], prompt: 'Output: {{ tasks.a.output }}' },
    word: { needs: ['a'], prompt: 'Word: {{ tasks.a.output.word }}' },
    short: { needs: ['a'], prompt: 'Short: {{ tasks.a.output.short }}' },
    worked: { needs: ['a'], prompt: 'Worked: {{ tasks.a.result | split: "" | reverse | join: "-" }}' },
    grown: {
      needs: ['a'],
      prompt: '{% assign x = tasks.a.result %}{% for i in (1..30) %}{% assign x = x | append: x %}{% endfor %}{{ x }}',
    },
    never: { needs: ['a'], if: 'tasks.a.result == "x"', prompt: 'Never.' },
  },
} as never)

describe('a result of 10 MB', () => {
  it('is cut to 16 KB where it is read, kept whole, and bounded in every record', async () => {
    const answer = {
      result: JSON.stringify({ status: 'completed', result: { word: HUGE, short: 'yes' }, metrics: { [ALL]: 1 } }),
      summary: HUGE,
      github_pull_requests: [],
    }
    await inHostileWorld({ a: once(answer) }, async ({ world, asked, of }) => {
      const run = await carriedOut(world, READERS)
      expect(asked.flatMap((one) => faultsOf(run, one))).toEqual([])
      const size = (task: string) => of(task).map(({ length }) => length)
      for (const task of ['whole', 'output', 'word']) {
        expect([task, size(task).length, (size(task)[0] ?? 0) > 8_000, (size(task)[0] ?? 0) < 20_000]).toEqual([
          task,
          1,
          true,
          true,
        ])
        expect(of(task)[0]).toMatch(/… cut, \d+ characters left out/)
      }
      expect(of('short')[0]).toMatch(/^Short: "yes"\n/)
      expect(Math.max(...size('manager'))).toBeLessThan(60_000)
      const { result } = await world.orchestrator.result(run, 'a')
      expect([result.length, result.startsWith(EVIL)]).toEqual([HUGE.length, true])
      const records = await world.stored(run)
      expect(Math.max(...records.map((record) => JSON.stringify(record).length))).toBeLessThan(64 * 1024)
    })
  })

  it('fails the task whose template would make too much of it, and says so', async () => {
    const answer = {
      result: JSON.stringify({ status: 'completed', result: {} }),
      summary: HUGE,
      github_pull_requests: [],
    }
    await inHostileWorld({ a: once(answer) }, async ({ world }) => {
      const run = await carriedOut(world, READERS)
      const tasks = world.orchestrator.view(run).tasks.filter(({ task }) => ['worked', 'grown', 'never'].includes(task))
      expect(tasks.map(({ task, state, failure }) => [task, state, failure?.message])).toEqual([
        ['worked', 'failed', expect.stringMatching(/takes too long or makes too much text/)],
        ['grown', 'failed', expect.stringMatching(/takes too long or makes too much text/)],
        ['never', 'skipped', undefined],
      ])
    })
  })
})
