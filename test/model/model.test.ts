import { describe, expect, it } from 'vitest'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { explore } from './explore.ts'
import type { ModelOptions } from './run-model.ts'

const CHAIN: ModelOptions = { isChained: true, concurrency: 1, onFailure: 'escalate', onTimeout: false }
const MOST = 100_000

/** A guard of the agent's machine that says the same whatever happened. */
const careless = (guard: 'isUncertain' | 'mayRunBeside', says: boolean): ModelOptions => ({
  ...CHAIN,
  machines: { agent: agentMachine.provide({ guards: { [guard]: () => says } }) },
})

describe('two tasks and a manager, in every order', () => {
  it.each([
    ['nothing goes wrong', {}],
    ['a message is lost', { lost: 1 }],
    ['the process dies', { crash: 1 }],
    ['a message is lost, and an agent run is listed late', { lost: 1, unlisted: 1 }],
  ])('end, and break no invariant: %s', (name, allowance) => {
    const { violation, isWhole, ends } = explore({ name, model: CHAIN, allowance }, MOST)
    expect([violation, isWhole, ends > 0]).toEqual([undefined, true, true])
  })

  it('are the same worlds each time', () => {
    const once = () => explore({ name: 'lost', model: CHAIN, allowance: { lost: 1 } }, MOST)
    expect(once()).toEqual(once())
  })
})

describe('the model check sees a machine that', () => {
  it.each([
    ['takes an unknown outcome for a failure', careless('isUncertain', false), { lost: 1 }, /^I[12]: /],
    [
      'starts a second agent past a deadline',
      careless('mayRunBeside', true),
      { deadline: 1 },
      /^I1: ann\/2 is created/,
    ],
    ['takes what is listed late for never made', { ...CHAIN, isHasty: true }, { crash: 1, unlisted: 1 }, /^I2: create/],
  ])('%s', (name, model, allowance, message) => {
    const { violation } = explore({ name, model, allowance }, MOST)
    expect(violation?.message).toMatch(message)
    // Whoever reads it sees the whole way there.
    expect(violation?.trace[0]).toMatch(/ gets its place$/)
  })
})
