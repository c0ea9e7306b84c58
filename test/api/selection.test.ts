import { describe, expect, it } from 'vitest'
import { selectRecords } from '../../src/api/selection.ts'
import { record } from '../support/fake-orchestrator.ts'

const task = (name: string) => record('run_1', 1, { task: name })

describe('a selection of records', () => {
  it('takes every record of its runs when there is no filter', () => {
    expect(selectRecords(['run_1']).wants).toBeUndefined()
    expect(selectRecords(['run_1'], {}).wants).toBeUndefined()
  })

  it('is the same whatever the order and the spelling', () => {
    const one = selectRecords(['run_2', 'run_1', 'run_2'], { tasks: ['execute.0', 'spec'], types: ['alert', 'run'] })
    const other = selectRecords(['run_1', 'run_2'], { types: ['run', 'alert'], tasks: ['spec', 'execute[0]'] })
    expect(one.key).toBe(other.key)
    expect(one.key).not.toBe(selectRecords(['run_1', 'run_2'], { tasks: ['spec'] }).key)
    expect(one.runs).toEqual(['run_1', 'run_2'])
  })

  it('of all runs needs no other', () => {
    expect(selectRecords(['run_1', '*']).runs).toBeUndefined()
    expect(selectRecords(['run_1', '*']).key).toBe(selectRecords(['*']).key)
  })

  it('knows a task by either spelling, and by the name of a forEach task all its items', () => {
    const names = ['execute[0]', 'execute[1]', 'execute', 'executes', 'spec']
    const chosen = (...tasks: string[]) => {
      const { wants } = selectRecords(['*'], { tasks })
      return names.filter((name) => wants?.(task(name)))
    }
    expect(chosen('execute.0')).toEqual(['execute[0]'])
    expect(chosen('execute[1]', 'spec')).toEqual(['execute[1]', 'spec'])
    expect(chosen('execute')).toEqual(['execute[0]', 'execute[1]', 'execute'])
  })

  it('wants what fits both the tasks and the types', () => {
    const { wants } = selectRecords(['*'], { tasks: ['spec'], types: ['alert'] })
    const wanted = [record('r', 1, { type: 'alert', task: 'spec' }), record('r', 2, { type: 'alert' }), task('spec')]
    expect(wanted.map((each) => wants?.(each))).toEqual([true, false, false])
  })
})
