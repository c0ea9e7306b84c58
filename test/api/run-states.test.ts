import { describe, expect, it } from 'vitest'
import { RunPlaces } from '../../src/api/run-places.ts'
import { RunStates } from '../../src/api/run-states.ts'
import type { RunView } from '../../src/domain/views.ts'
import { runView } from '../support/fake-orchestrator.ts'

function setUp(name = 'feature') {
  const views = new Map<string, RunView>()
  let made = 0
  const carried = (run: string) => {
    made++
    return views.get(run)
  }
  const places = new RunPlaces({ carried })
  const states = new RunStates({ carried }, places)
  /** Lets a run be at its record `seq`, which was announced. */
  const stand = (run: string, seq: number) => {
    views.set(run, runView({ run, seq, name }))
    places.put(run, seq)
  }
  return { states, stand, views, made: () => made }
}

describe('the state of a run', () => {
  it('is its view, made once for all who ask while nothing happens to it', () => {
    const { states, stand, made } = setUp()
    stand('run_1', 1)
    const first = states.now('run_1')
    expect([first?.seq, JSON.parse(first?.text ?? '')]).toEqual([1, runView({ run: 'run_1', seq: 1 })])
    expect([states.now('run_1') === first, made()]).toEqual([true, 1])
    stand('run_1', 2)
    expect([states.now('run_1')?.seq, made()]).toEqual([2, 2])
  })

  it('is not known of a run that nobody carries', () => {
    expect(setUp().states.now('run_1')).toBeUndefined()
  })

  it('is made again rather than that many large ones are kept', () => {
    const { states, stand, made } = setUp('x'.repeat(3 * 1024 * 1024))
    for (const run of ['run_1', 'run_2', 'run_3', 'run_1']) {
      stand(run, 1)
      states.now(run)
    }
    expect(made()).toBe(4)
  })
})
