import { describe, expect, it } from 'vitest'
import { isFinalState, mainState, publicState } from '../../src/machines/public-state.ts'

describe('the public name of a state', () => {
  it.each([
    ['paused', 'paused'],
    [{ live: 'pending' }, 'pending'],
    [{ live: { pending: 'waiting' } }, 'pending'],
    [{ live: { pending: 'approval' } }, 'pending.approval'],
    [{ live: { reporting: 'reading' } }, 'reporting'],
    [{ live: { reporting: 'repairing' } }, 'reporting.repairing'],
    [{ live: { running: 'watching' } }, 'running'],
    [{ live: { running: 'needsInput' } }, 'running.needsInput'],
    [{ live: { creating: 'calling' } }, 'creating'],
    [{ live: { creating: 'reconciling' } }, 'creating.reconciling'],
    [{ live: { escalated: 'waiting' } }, 'escalated'],
    [{ live: { escalated: 'overdue' } }, 'escalated.overdue'],
    [{ live: { escalated: 'undecided' } }, 'escalated.undecided'],
    [{ live: { running: 'asking' } }, 'running.asking'],
  ])('leaves out what only groups, and what a state does by default: %j', (value, name) => {
    expect(publicState(value)).toBe(name)
  })

  it('begins with its main state', () => {
    expect([mainState('running.needsInput'), mainState('running')]).toEqual(['running', 'running'])
  })

  it('is final for the four ends alone', () => {
    const states = ['completed', 'failed', 'cancelled', 'skipped', 'escalated', 'finishing', 'cancelling']
    expect(states.filter(isFinalState)).toEqual(['completed', 'failed', 'cancelled', 'skipped'])
  })
})
