import { describe, expect, it } from 'vitest'
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { supervisorMachine } from '../../src/machines/supervisor-machine.ts'
import { actionsOf, leafNames, walk } from './pure-steps.ts'
import { readRows, type StateEventTable, typesOf } from './state-event-table.ts'
import { PAUSED, type SupervisorState, supervisorEvents, supervisorPaths } from './supervisor-events.ts'

const table: StateEventTable<SupervisorState, typeof supervisorEvents> = {
  host: {
    starting: { begin: 'running', completed: '=', failed: '=', cancelled: '=', idle: '=' },
    running: {
      begin: '=',
      completed: 'finishing.completed',
      failed: 'finishing.failed',
      cancelled: 'finishing.cancelled',
      idle: '=',
    },
    paused: {
      begin: '=',
      completed: 'finishing.completed',
      failed: 'finishing.failed',
      cancelled: 'finishing.cancelled',
      idle: '=',
    },
    'finishing.completed': { begin: '=', completed: '=', failed: '=', cancelled: '=', idle: 'completed' },
    'finishing.failed': { begin: '=', completed: '=', failed: '=', cancelled: '=', idle: 'failed' },
    'finishing.cancelled': { begin: '=', completed: '=', failed: '=', cancelled: '=', idle: 'cancelled' },
    completed: { begin: '=', completed: '=', failed: '=', cancelled: '=', idle: '=' },
    failed: { begin: '=', completed: '=', failed: '=', cancelled: '=', idle: '=' },
    cancelled: { begin: '=', completed: '=', failed: '=', cancelled: '=', idle: '=' },
  },
  commands: {
    starting: { pause: '=', continue: '=', cancel: 'finishing.cancelled' },
    running: { pause: 'paused', continue: '=', cancel: 'finishing.cancelled' },
    paused: { pause: '=', continue: 'running', cancel: 'finishing.cancelled' },
    'finishing.completed': { pause: '=', continue: '=', cancel: 'finishing.cancelled' },
    'finishing.failed': { pause: '=', continue: '=', cancel: 'finishing.cancelled' },
    'finishing.cancelled': { pause: '=', continue: '=', cancel: 'finishing.cancelled' },
    completed: { pause: '=', continue: '=', cancel: '=' },
    failed: { pause: '=', continue: '=', cancel: '=' },
    cancelled: { pause: '=', continue: '=', cancel: '=' },
  },
  // A stopped actor takes no event, so those of the last three rows never come.
  children: {
    starting: { done: 'starting', error: 'starting' },
    running: { done: 'running', error: 'running' },
    paused: { done: 'paused', error: 'paused' },
    'finishing.completed': { done: 'finishing.completed', error: 'finishing.completed' },
    'finishing.failed': { done: 'finishing.failed', error: 'finishing.failed' },
    'finishing.cancelled': { done: 'finishing.cancelled', error: 'finishing.cancelled' },
    completed: { done: 'completed', error: 'completed' },
    failed: { done: 'failed', error: 'failed' },
    cancelled: { done: 'cancelled', error: 'cancelled' },
  },
}

const { host, commands, children } = supervisorEvents
const reached = (events: readonly AnyEventObject[]) => walk(supervisorMachine, { run: 'run_1' }, events)
const snapshots = Object.fromEntries(Object.entries(supervisorPaths).map(([state, events]) => [state, reached(events)]))
const nameOf = ({ value, context }: AnyMachineSnapshot) =>
  value === 'finishing' ? `finishing.${context['outcome']}` : String(value)
const asked = (state: SupervisorState, event: AnyEventObject) =>
  actionsOf(supervisorMachine, reached(supervisorPaths[state]), event)

describe('the table of a supervisor', () => {
  it('has a row for each state, and a column for each event', () => {
    const rows = Object.keys(supervisorPaths).map((state) => state.replace(/\..*/, ''))
    expect(new Set(leafNames(supervisorMachine))).toEqual(new Set(rows))
    const columns = [...typesOf(supervisorEvents)].map((type) => type.replace(/^(xstate\..*)\.a$/, '$1.*'))
    expect(new Set(columns)).toEqual(new Set(supervisorMachine.events))
  })

  it.each(Object.entries(supervisorEvents))('is what the machine does: %s', (family, events) => {
    expect(readRows(supervisorMachine, events, snapshots, nameOf)).toEqual(table[family as keyof typeof table])
  })
})

describe('what a supervisor asks of the host', () => {
  it('starts what is ready when the run begins and when it goes on', () => {
    expect(asked('starting', host.begin)).toEqual([['startReady', undefined]])
    expect(asked('paused', commands.continue)).toEqual([
      ['openIntents', undefined],
      ['startReady', undefined],
    ])
  })

  it('begins in running, and asks for nothing yet, where its run had ended and goes on', () => {
    const reopened = walk(supervisorMachine, { run: 'run_1', reopened: true }, [])
    expect([reopened.value, reopened.context]).toEqual(['running', { run: 'run_1', reopened: true }])
    expect(actionsOf(supervisorMachine, reopened, host.completed)).toEqual([['finishManager', undefined]])
  })

  it('creates nothing while it is paused, and says why', () => {
    expect(asked('running', commands.pause)).toEqual([['closeIntents', PAUSED]])
    expect(reached(supervisorPaths.paused).context['reason']).toEqual(PAUSED)
  })

  it('forgets why it was paused when it goes on and when it ends', () => {
    expect(reached([...supervisorPaths.paused, commands.continue]).context['reason']).toBe(undefined)
    expect(reached([...supervisorPaths.paused, host.completed]).context['reason']).toBe(undefined)
  })

  it('lets the manager tell the rest when every task has settled, and cancels all when told to', () => {
    expect(asked('running', host.completed)).toEqual([['finishManager', undefined]])
    for (const state of ['starting', 'running', 'paused', 'finishing.completed'] as const) {
      expect(asked(state, commands.cancel)).toEqual([['cancelAgents', undefined]])
    }
  })

  it.each(['starting', 'running', 'paused', 'finishing.failed'] as const)(
    'goes on after the end and the error of any child: %s',
    (state) => {
      expect(asked(state, children.done)).toEqual([['advance', { actor: 'a' }]])
      expect(asked(state, children.error)).toEqual([['quarantine', { actor: 'a', error: children.error.error }]])
    },
  )
})
