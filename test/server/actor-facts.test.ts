import { describe, expect, it } from 'vitest'
import type { RunView } from '../../src/domain/views.ts'
import { NOON, runView, taskView } from '../support/fake-orchestrator.ts'

interface ActorFacts {
  readonly title: string
  readonly facts: readonly (readonly [string, string])[]
  readonly commands: readonly string[]
}

/** The page's own script, which needs nothing of a browser. */
const {
  describeActor,
}: {
  describeActor(view: RunView | undefined, actor: string, states: ReadonlyMap<string, string>, now?: number): ActorFacts
} = await import(new URL('../../src/server/assets/actor-facts.js', import.meta.url).href)

const NOW = Date.parse(NOON) + 5 * 60_000
const RUN = 'run_00000001'
const time = (ms: number) => new Date(ms).toLocaleTimeString()
const WAITING = taskView({
  task: 'execute[0]',
  state: 'pending',
  since: NOON,
  attempt: 2,
  why: '10 of 10 calls in 60 s used',
  waitingFor: { kind: 'rate', name: 'codegen.create', since: NOW - 4_000, until: NOW + 18_000 },
  commands: ['complete', 'skip', 'wait'],
})

describe('what the page says of an actor', () => {
  it('is its state, since when, why and for what it waits, until when, and what it takes', () => {
    const told = describeActor(runView({ run: RUN, tasks: [WAITING] }), 'execute[0]', new Map(), NOW)
    expect([told.title, told.facts, told.commands]).toEqual([
      'execute[0]',
      [
        ['State', 'pending'],
        ['Since', `${time(Date.parse(NOON))} (5 min)`],
        ['Attempt', '2'],
        ['Why', '10 of 10 calls in 60 s used'],
        ['Waits for', 'rate codegen.create'],
        ['Waits since', `${time(NOW - 4_000)} (4 s)`],
        ['Until', `${time(NOW + 18_000)} (in 18 s)`],
      ],
      [
        `troupe task ${RUN} execute.0 complete --result '"done"'`,
        `troupe task ${RUN} execute.0 skip`,
        `troupe task ${RUN} execute.0 wait 30m`,
      ],
    ])
  })

  it('never invents a time', () => {
    const waitingFor = { kind: 'concurrency', name: RUN, since: NOW } as const
    const view = runView({ run: RUN, tasks: [{ ...WAITING, waitingFor }] })
    const facts = new Map(describeActor(view, 'execute[0]', new Map(), NOW).facts)
    expect(facts.get('Until')).toEqual('unknown')
  })

  it('tells no more than the state when a record is newer than the view', () => {
    const view = runView({ run: RUN, tasks: [WAITING] })
    const told = describeActor(view, 'execute[0]', new Map([['execute[0]', 'creating']]), NOW)
    expect([told.facts, told.commands]).toEqual([
      [
        ['State', 'creating'],
        ['Attempt', '2'],
      ],
      [],
    ])
  })

  it('is the run where no actor is chosen, and for its supervisor', () => {
    const view = runView({
      run: RUN,
      reason: 'paused by a person',
      counts: { waiting: 2 },
      commands: ['continue', 'cancel'],
    })
    const told = describeActor(view, '', new Map(), NOW)
    expect([told.title, told.facts, told.commands]).toEqual([
      `${RUN} feature`,
      [
        ['State', 'running'],
        ['Why', 'paused by a person'],
        ['Started', `${time(Date.parse(NOON))} (5 min)`],
        ['Not begun', '2 tasks wait for others'],
      ],
      [`troupe continue ${RUN}`, `troupe cancel ${RUN}`],
    ])
    expect(describeActor(view, 'supervisor', new Map(), NOW).title).toEqual('supervisor')
  })

  it('says so when there is no run and no such actor', () => {
    const titles = [
      describeActor(undefined, '', new Map()).title,
      describeActor(runView({ run: RUN }), 'gone', new Map()).title,
    ]
    expect(titles).toEqual(['No run chosen', 'gone'])
  })
})
