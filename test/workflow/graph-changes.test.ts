import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NotFoundError, UsageError } from '../../src/domain/errors.ts'
import type { TaskOutcome } from '../../src/domain/report.ts'
import type { TaskSpec } from '../../src/domain/workflow.ts'
import { createTaskGraph, type TaskGraph } from '../../src/workflow/graph.ts'

const REST = {
  prompt: 'y',
  maxItems: 9,
  backend: 'simulated',
  priority: 'normal',
  uses: [],
  timeoutMs: 1,
  stuckAfterMs: 1,
  retry: { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, onTimeout: false },
} as const

function task(id: string, needs: readonly string[] = [], more: Partial<TaskSpec> = {}): TaskSpec {
  return { id, needs, onFailure: 'fail', ...REST, ...more }
}

const run = (id: string) => ({ id, decision: 'run' })
const LIST = { forEach: { task: 'plan', path: [] } } as const

describe('tasks that are added to a graph', () => {
  it('start at once when all they need has settled, and wait otherwise', () => {
    const graph = createTaskGraph({ tasks: [task('a'), task('b')] })
    graph.settle('a', 'completed')
    const added = [task('c', ['a']), task('d', ['c', 'b']), task('e'), task('f', ['a'], { if: { kind: 'failed' } })]
    expect(graph.append(added)).toEqual([
      run('c'),
      run('e'),
      { id: 'f', decision: 'skip', reason: 'none of its needs failed' },
    ])
    expect([graph.needs('d'), graph.state('d'), graph.counts()]).toEqual([
      ['c', 'b'],
      'waiting',
      { waiting: 1, ready: 4, completed: 1, failed: 0, skipped: 0, cancelled: 0 },
    ])
    expect([...graph.settle('b', 'completed'), ...graph.settle('c', 'completed')]).toEqual([run('d')])
  })

  it('are skipped where what they need had failed', () => {
    const graph = createTaskGraph({ tasks: [task('a')] })
    graph.settle('a', 'failed')
    expect(graph.append([task('b', ['a'])])).toEqual([{ id: 'b', decision: 'skip', reason: 'a failed' }])
  })

  it('keep a graph open that had settled', () => {
    const graph = createTaskGraph({ tasks: [task('a')] })
    graph.settle('a', 'completed')
    const before = graph.allSettled
    graph.append([task('b')])
    const between = graph.allSettled
    graph.settle('b', 'completed')
    expect([before, between, graph.allSettled]).toEqual([true, false, true])
  })

  it('are refused whole when one is there already or needs what is not', () => {
    const graph = createTaskGraph({ tasks: [task('a')] })
    expect(() => graph.append([task('b'), task('a')])).toThrow(UsageError)
    expect(() => graph.append([task('b'), task('b')])).toThrow(UsageError)
    expect(() => graph.append([task('b', ['later']), task('later')])).toThrow(NotFoundError)
    expect(graph.counts()).toEqual({ waiting: 0, ready: 1, completed: 0, failed: 0, skipped: 0, cancelled: 0 })
  })

  it('lengthen the way to the end of those that they need', () => {
    const graph = createTaskGraph({ tasks: [task('a', [], { estimateMs: 5 })] })
    graph.append([task('b', ['a'], { estimateMs: 7 })])
    expect([graph.remaining('a'), graph.remaining('b')]).toEqual([12, 7])
  })
})

describe('a task that is repeated', () => {
  it('is ready again, and all behind it waits again', () => {
    const graph = createTaskGraph({ tasks: [task('a'), task('b', ['a']), task('c', ['b']), task('other')] })
    graph.settle('a', 'completed')
    graph.settle('b', 'failed')
    graph.settle('c', 'skipped')
    graph.settle('other', 'completed')
    expect(graph.reset('b')).toEqual({ ids: ['b', 'c'], decisions: [run('b')] })
    expect([graph.state('a'), graph.state('c'), graph.allSettled, graph.outcome()]).toEqual([
      'completed',
      'waiting',
      false,
      { failed: false, cancelled: false },
    ])
    expect(graph.settle('b', 'completed')).toEqual([run('c')])
  })

  it('loses its items, which are made anew', () => {
    const graph = createTaskGraph({ tasks: [task('plan'), task('each', ['plan'], LIST), task('end', ['each'])] })
    graph.settle('plan', 'completed')
    graph.expand('each', 2)
    graph.settle('each[0]', 'completed')
    graph.settle('each[1]', 'failed')
    graph.settle('end', 'skipped')
    expect(graph.reset('plan').ids).toEqual(['plan', 'each', 'each[0]', 'each[1]', 'end'])
    expect([graph.isExpanded('each'), graph.counts(), graph.outcome().failed]).toEqual([
      false,
      { waiting: 2, ready: 1, completed: 0, failed: 0, skipped: 0, cancelled: 0 },
      false,
    ])
  })

  it('may be one item: the others stay as they are', () => {
    const graph = createTaskGraph({ tasks: [task('plan'), task('each', ['plan'], LIST), task('end', ['each'])] })
    graph.settle('plan', 'completed')
    graph.expand('each', 2)
    graph.settle('each[0]', 'completed')
    graph.settle('each[1]', 'failed')
    graph.settle('end', 'skipped')
    expect(graph.reset('each[1]')).toEqual({ ids: ['each[1]', 'end'], decisions: [run('each[1]')] })
    expect([graph.state('each'), graph.state('each[0]')]).toEqual(['ready', 'completed'])
    expect([graph.settle('each[1]', 'completed'), graph.state('each')]).toEqual([[run('end')], 'completed'])
  })

  it('is refused while it has not settled', () => {
    expect(() => createTaskGraph({ tasks: [task('a')] }).reset('a')).toThrow(UsageError)
  })

  it('leaves the graph as one in which it and what is behind it had never settled (any graph, any task)', () => {
    const shape = fc.array(fc.tuple(fc.array(fc.nat(20), { maxLength: 3 }), fc.constantFrom('fail', 'continue')), {
      minLength: 1,
      maxLength: 20,
    })
    const statuses = fc.array(fc.constantFrom('completed', 'failed', 'skipped', 'cancelled'), {
      minLength: 20,
      maxLength: 20,
    })
    fc.assert(
      fc.property(shape, statuses, fc.nat(), (tasks, ends, which) => {
        const specs = tasks.map(([needs, onFailure], n) => {
          const below = n === 0 ? [] : [...new Set(needs.map((need) => `t${need % n}`))]
          return task(`t${n}`, below, { onFailure: onFailure as TaskSpec['onFailure'] })
        })
        const settleAll = (graph: TaskGraph, but: ReadonlySet<string>) => {
          for (const [n, { id }] of specs.entries()) {
            if (!but.has(id)) graph.settle(id, ends[n] as TaskOutcome['status'])
          }
        }
        const graph = createTaskGraph({ tasks: specs })
        settleAll(graph, new Set())
        const { ids } = graph.reset(`t${which % specs.length}`)
        const fresh = createTaskGraph({ tasks: specs })
        settleAll(fresh, new Set(ids))
        const look = (each: TaskGraph) => [
          specs.map(({ id }) => [each.state(id), each.needs(id)]),
          each.counts(),
          each.outcome(),
          each.allSettled,
        ]
        expect(look(graph)).toEqual(look(fresh))
      }),
      { numRuns: 300, seed: 11 },
    )
  })
})

describe('tasks without an estimate', () => {
  it('are thought to take what finished tasks of their role took', () => {
    const graph = createTaskGraph({
      tasks: [task('a', [], { role: 'R' }), task('b', ['a'], { role: 'R' }), task('c', ['b'], { role: 'S' })],
    })
    expect(graph.remaining('a')).toEqual(1_800_000)
    graph.learn('a', 60_000)
    expect([graph.remaining('b'), graph.remaining('a')]).toEqual([660_000, 720_000])
    graph.learn('a', 120_000)
    expect(graph.remaining('b')).toEqual(690_000)
  })

  it('keep the estimate that they were given', () => {
    const graph = createTaskGraph({
      tasks: [task('a', [], { role: 'R' }), task('b', [], { role: 'R', estimateMs: 3 })],
    })
    graph.learn('a', 60_000)
    expect(graph.remaining('b')).toEqual(3)
  })

  it('have their paths computed a number of times that grows with the logarithm of what finished', () => {
    const graph = createTaskGraph({ tasks: [task('a', [], { role: 'R' })] })
    const means = new Set<number>()
    for (let n = 1; n <= 1_000; n++) {
      graph.learn('a', n)
      means.add(graph.remaining('a'))
    }
    expect(means.size).toEqual(10)
  })
})
