import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NotFoundError, UsageError } from '../../src/domain/errors.ts'
import type { TaskSpec } from '../../src/domain/workflow.ts'
import { defineWorkflow } from '../../src/workflow/define.ts'
import { createTaskGraph, type TaskGraph } from '../../src/workflow/graph.ts'
import type { TaskDefinition } from '../../src/workflow/schema.ts'
import type { TaskDecision } from '../../src/workflow/task-decision.ts'

type Short = Partial<TaskDefinition>

function graphOf(tasks: Readonly<Record<string, Short>>): TaskGraph {
  const full = Object.entries(tasks).map(([id, task]) => [id, { prompt: 'y', ...task }])
  return createTaskGraph(defineWorkflow({ name: 'x', tasks: Object.fromEntries(full) }))
}

const run = (id: string): TaskDecision => ({ id, decision: 'run' })
const skip = (id: string, reason: string): TaskDecision => ({ id, decision: 'skip', reason })
const LIST = { output: { type: 'array' } }

describe('readiness', () => {
  it('starts with what needs nothing, and goes on with what became ready', () => {
    const graph = graphOf({
      join: { needs: ['left', 'right'] },
      left: { needs: ['top'] },
      right: { needs: ['top'] },
      top: {},
    })
    expect(graph.roots()).toEqual([run('top')])
    expect(graph.needs('join')).toEqual(['left', 'right'])
    expect(graph.settle('top', 'completed')).toEqual([run('left'), run('right')])
    expect(graph.settle('right', 'completed')).toEqual([])
    expect(graph.needs('join')).toEqual(['left'])
    expect(graph.settle('left', 'completed')).toEqual([run('join')])
    expect([graph.state('join'), graph.allSettled]).toEqual(['ready', false])
    expect(graph.settle('join', 'completed')).toEqual([])
    expect([graph.state('join'), graph.allSettled, graph.outcome()]).toEqual([
      'completed',
      true,
      { failed: false, cancelled: false },
    ])
  })

  it.each([
    ['failed', 'a failed'],
    ['skipped', 'a was skipped'],
    ['cancelled', 'a was cancelled'],
  ] as const)('skips what needs a task that was %s, and says which', (status, reason) => {
    const graph = graphOf({ ok: {}, a: {}, b: { needs: ['ok', 'a'] } })
    graph.settle('ok', 'completed')
    expect(graph.settle('a', status)).toEqual([skip('b', reason)])
  })

  it('goes on past a failure under onFailure: continue, but not past a skip', () => {
    const tasks = { a: { onFailure: 'continue' as const }, b: { needs: ['a'] } }
    expect(graphOf(tasks).settle('a', 'failed')).toEqual([run('b')])
    expect(graphOf(tasks).settle('a', 'skipped')).toEqual([skip('b', 'a was skipped')])
  })

  it('runs `always` in any case, and `failed` only when a need failed', () => {
    const tasks = {
      a: {},
      b: {},
      tidy: { needs: ['a', 'b'], if: 'always' },
      alarm: { needs: ['a', 'b'], if: 'failed' },
    }
    const bad = graphOf(tasks)
    bad.settle('a', 'failed')
    expect(bad.settle('b', 'completed')).toEqual([run('tidy'), run('alarm')])
    const good = graphOf(tasks)
    good.settle('a', 'skipped')
    expect(good.settle('b', 'completed')).toEqual([run('tidy'), skip('alarm', 'none of its needs failed')])
  })

  it('leaves an expression to be evaluated, whatever its needs came to', () => {
    const graph = graphOf({ a: {}, b: { needs: ['a'], if: 'tasks.a.failed == 0' } })
    expect(graph.settle('a', 'failed')).toEqual([{ id: 'b', decision: 'condition' }])
  })

  it('ignores what settles a second time', () => {
    const graph = graphOf({ a: {}, b: { needs: ['a'] } })
    graph.settle('a', 'completed')
    expect([graph.settle('a', 'failed'), graph.state('a'), graph.state('b')]).toEqual([[], 'completed', 'ready'])
  })

  it('takes a task that settles before what it needs, once', () => {
    const graph = graphOf({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } })
    expect(graph.settle('b', 'skipped')).toEqual([skip('c', 'b was skipped')])
    expect([graph.settle('a', 'completed'), graph.state('b')]).toEqual([[], 'skipped'])
  })

  it('knows the end of a run: failures count unless they are skipped or continued', () => {
    const graph = graphOf({
      a: { onFailure: 'skip' },
      b: { onFailure: 'continue' },
      c: { onFailure: 'fail' },
      d: { onFailure: 'escalate' },
    })
    graph.settle('a', 'failed')
    graph.settle('b', 'failed')
    expect(graph.outcome()).toEqual({ failed: false, cancelled: false })
    graph.settle('c', 'cancelled')
    expect(graph.outcome()).toEqual({ failed: false, cancelled: true })
    graph.settle('d', 'failed')
    expect(graph.outcome()).toEqual({ failed: true, cancelled: true })
  })

  it('names what it does not know', () => {
    const graph = graphOf({ a: {} })
    expect(() => graph.settle('b', 'completed')).toThrow(NotFoundError)
    expect(() => graph.state('a[0]')).toThrow('Task a[0] does not exist. a has 0 items.')
    expect(() => graph.state('manager')).toThrow(NotFoundError)
  })
})

describe('forEach', () => {
  const tasks = {
    plan: LIST,
    execute: { needs: ['plan'], forEach: 'tasks.plan.output' },
    review: { needs: ['execute'] },
  }
  const expanded = (count: number, more: Short = {}) => {
    const graph = graphOf({ ...tasks, execute: { ...tasks.execute, ...more } })
    graph.settle('plan', 'completed')
    return { graph, decisions: graph.expand('execute', count) }
  }

  it('makes items that all run, and settles with the last of them', () => {
    const { graph, decisions } = expanded(3)
    expect(decisions).toEqual([run('execute[0]'), run('execute[1]'), run('execute[2]')])
    expect(graph.settle('execute[1]', 'completed')).toEqual([])
    expect([
      graph.state('execute'),
      graph.state('execute[0]'),
      graph.state('execute[1]'),
      graph.needs('review'),
    ]).toEqual(['ready', 'ready', 'completed', ['execute']])
    expect(graph.settle('execute[0]', 'completed')).toEqual([])
    expect(graph.settle('execute[2]', 'completed')).toEqual([run('review')])
    expect(graph.state('execute')).toEqual('completed')
  })

  it.each([
    [['completed', 'failed'], 'failed', skip('review', 'execute failed')],
    [['cancelled', 'completed'], 'cancelled', skip('review', 'execute was cancelled')],
    [['skipped', 'completed'], 'completed', run('review')],
    [['skipped', 'skipped'], 'skipped', skip('review', 'execute was skipped')],
  ] as const)('sums up %j as %s', (statuses, status, decision) => {
    const { graph } = expanded(2)
    const decisions = statuses.flatMap((each, index) => graph.settle(`execute[${index}]`, each))
    expect([graph.state('execute'), decisions]).toEqual([status, [decision]])
  })

  it('goes on past failed items under onFailure: continue', () => {
    const { graph } = expanded(1, { onFailure: 'continue' })
    expect([graph.settle('execute[0]', 'failed'), graph.state('execute')]).toEqual([[run('review')], 'failed'])
  })

  it('completes at once without items', () => {
    const { graph, decisions } = expanded(0)
    expect([decisions, graph.state('execute'), graph.itemsOf('execute')]).toEqual([[run('review')], 'completed', []])
  })

  it('lists the items of a task in order, and counts them instead of their task', () => {
    const { graph } = expanded(2)
    graph.settle('execute[1]', 'failed')
    expect(graph.itemsOf('execute')).toEqual(['execute[0]', 'execute[1]'])
    expect(['execute', 'execute[0]', 'plan'].map((id) => [graph.isForEach(id), graph.isExpanded(id)])).toEqual([
      [true, true],
      [false, false],
      [false, false],
    ])
    expect(graph.counts()).toEqual({ waiting: 1, ready: 1, completed: 1, failed: 1, skipped: 0, cancelled: 0 })
  })

  it('is expanded once: the same count again changes nothing', () => {
    const { graph } = expanded(2)
    graph.settle('execute[0]', 'completed')
    expect([graph.expand('execute', 2), graph.state('execute[0]')]).toEqual([[], 'completed'])
    expect(() => graph.expand('execute', 3)).toThrow('Task execute was expanded to 2 items already, not 3.')
    expect(() => graph.expand('plan', 1)).toThrow(UsageError)
    expect(() => graph.settle('execute', 'cancelled')).toThrow('Task execute settles when its items do: settle those.')
    expect(() => graph.settle('execute[2]', 'completed')).toThrow(
      'Task execute[2] does not exist. execute has 2 items.',
    )
    expect(() => graph.settle('execute[00]', 'completed')).toThrow(NotFoundError)
  })

  it('can be skipped or fail as a whole before it has items', () => {
    const graph = graphOf(tasks)
    expect(graph.settle('plan', 'skipped')).toEqual([skip('execute', 'plan was skipped')])
    expect(graph.settle('execute', 'skipped')).toEqual([skip('review', 'execute was skipped')])
    expect(() => graph.expand('execute', 1)).toThrow('Task execute has settled without items.')
  })
})

describe('remaining', () => {
  it('is the longest way to the end, by estimates, ten minutes where there is none', () => {
    const graph = graphOf({
      a: { estimate: '1m' },
      b: { estimate: '5m', needs: ['a'] },
      c: { needs: ['a'] },
      d: { estimate: '2m', needs: ['b', 'c'] },
    })
    expect(['a', 'b', 'c', 'd'].map((id) => graph.remaining(id) / 60_000)).toEqual([13, 7, 12, 2])
  })
})

describe('a graph of any shape', () => {
  const shape = fc
    .array(fc.tuple(fc.array(fc.nat(30), { maxLength: 4 }), fc.constantFrom('none', 'always', 'failed', 'continue')), {
      maxLength: 25,
    })
    .map((rows) =>
      rows.map(([needs, kind], node): TaskSpec => {
        const reachable = [...new Set(needs.filter((need) => need < node))]
        const condition = kind === 'always' || kind === 'failed' ? { if: { kind } as const } : {}
        return specOf(
          `t${node}`,
          reachable.map((need) => `t${need}`),
          kind === 'continue' ? 'continue' : 'fail',
          condition,
        )
      }),
    )

  it('decides on each task once, when and only when all it needs has settled (I4, I5)', () => {
    fc.assert(
      fc.property(shape, fc.array(fc.nat(), { minLength: 1, maxLength: 60 }), (tasks, choices) => {
        const graph = createTaskGraph({ tasks })
        const open = [...graph.roots()]
        const decided = new Set(open.map(({ id }) => id))
        for (let step = 0; open.length > 0; step++) {
          const choice = choices[step % choices.length] ?? 0
          const [next] = open.splice(choice % open.length, 1)
          if (next === undefined) break
          const spec = tasks.find(({ id }) => id === next.id)
          expect(spec?.needs.every((need) => graph.isSettled(need))).toEqual(true)
          expect(next.decision).toEqual(expected(spec, graph, tasks))
          const status =
            next.decision === 'skip' ? 'skipped' : (['completed', 'failed', 'cancelled'] as const)[choice % 3]
          for (const decision of graph.settle(next.id, status ?? 'completed')) {
            expect(decided.has(decision.id)).toEqual(false)
            decided.add(decision.id)
            open.push(decision)
          }
        }
        const counts = graph.counts()
        expect([graph.allSettled, counts.waiting, counts.ready, decided.size]).toEqual([true, 0, 0, tasks.length])
      }),
      { numRuns: 200, seed: 7 },
    )
  })

  function expected(spec: TaskSpec | undefined, graph: TaskGraph, tasks: readonly TaskSpec[]): string {
    const states = (spec?.needs ?? []).map((need) => ({
      state: graph.state(need),
      spec: tasks.find(({ id }) => id === need),
    }))
    if (spec?.if?.kind === 'always') return 'run'
    if (spec?.if?.kind === 'failed') return states.some(({ state }) => state === 'failed') ? 'run' : 'skip'
    const fine = states.every(
      ({ state, spec: need }) => state === 'completed' || (state === 'failed' && need?.onFailure === 'continue'),
    )
    return fine ? 'run' : 'skip'
  }

  it('of 50,000 tasks in a row, or one that all others need, is walked in linear time', () => {
    const chain = Array.from({ length: 50_000 }, (_, n) => specOf(`t${n}`, n === 0 ? [] : [`t${n - 1}`]))
    const star = Array.from({ length: 50_000 }, (_, n) => specOf(`t${n}`, n === 0 ? [] : ['t0']))
    for (const tasks of [chain, star]) {
      const graph = createTaskGraph({ tasks })
      const open = [...graph.roots()]
      for (let at = 0; at < open.length; at++) open.push(...graph.settle(open[at]?.id ?? '', 'completed'))
      expect([open.length, graph.allSettled, graph.counts().completed]).toEqual([50_000, true, 50_000])
    }
    expect(createTaskGraph({ tasks: chain }).remaining('t0')).toEqual(50_000 * 600_000)
  })
})

function specOf(
  id: string,
  needs: readonly string[],
  onFailure: TaskSpec['onFailure'] = 'fail',
  more: Pick<TaskSpec, 'if'> = {},
): TaskSpec {
  const retry = { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, onTimeout: false }
  const rest = {
    prompt: 'y',
    maxItems: 1,
    backend: 'simulated',
    priority: 'normal' as const,
    uses: [],
    timeoutMs: 1,
    stuckAfterMs: 1,
  }
  return { id, needs, onFailure, retry, ...rest, ...more }
}
