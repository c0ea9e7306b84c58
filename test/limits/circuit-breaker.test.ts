import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CALL_RULES,
  type Circuit,
  type CircuitEvent,
  CLOSED_CIRCUIT,
  circuitAt,
  END_RULES,
  passesCircuit,
  restoredCircuit,
  rewoundCircuit,
  stepCircuit,
} from '../../src/limits/circuit-breaker.ts'

const RULES = { failures: 3, firstDelayMs: 1_000, longestDelayMs: 8_000, patienceMs: 5_000 }
const NOW = 100_000
const HOUR = 3_600_000

const noChance = () => 0
const step = (circuit: Circuit, event: CircuitEvent, now = NOW) => stepCircuit(circuit, event, now, RULES, noChance)

const trouble = { row: 3, creations: 0, openings: 2, why: 'earlier' }
const STATES = {
  'closed, with two failures': { state: 'closed', row: 2, creations: 1 },
  open: { state: 'open', ...trouble, at: NOW - 500, until: NOW + 1_500 },
  'open, and its time has come': { state: 'open', ...trouble, at: NOW - 2_000, until: NOW },
  'half-open, with a probe': {
    state: 'half-open',
    ...trouble,
    at: NOW - 100,
    until: NOW + 4_900,
    probes: ['p'],
    isSilent: false,
  },
  'half-open, with a probe and calls that fail': {
    state: 'half-open',
    ...trouble,
    at: NOW - 100,
    until: NOW + 4_900,
    probes: ['o', 'p'],
    isSilent: true,
  },
} as const satisfies Record<string, Circuit>

const failure = { type: 'failed', why: 'now', isCreation: false } as const
const EVENTS = {
  'a call fails that was sent before': { ...failure, sentAt: NOW - 200 },
  'a call fails that was sent just now': { ...failure, sentAt: NOW - 100 },
  'a creation fails that was sent before': { ...failure, isCreation: true, sentAt: NOW - 200 },
  'a creation fails that was sent just now': { ...failure, isCreation: true, sentAt: NOW - 100 },
  'the agent of the probe fails': { ...failure, holder: 'p' },
  'the agent of another fails': { ...failure, holder: 'q' },
  'a read succeeds': { type: 'answered' },
  'a creation or an agent succeeds': { type: 'succeeded' },
  'a creation is let through': { type: 'granted', holder: 'n' },
  'the probe lets go': { type: 'released', holder: 'p' },
  'another lets go': { type: 'released', holder: 'q' },
  'a person says try': { type: 'tried' },
} as const satisfies Record<string, CircuitEvent>

type StateName = keyof typeof STATES
type EventName = keyof typeof EVENTS

/** Open for the first time, or again. */
const opened = (openings: number, rows: object, delay: number) => ({
  state: 'open',
  row: 3,
  creations: 0,
  ...rows,
  at: NOW,
  until: NOW + delay,
  openings,
  why: 'now',
})
const halfOpened = { state: 'half-open', ...trouble, at: NOW, until: NOW, probes: [], isSilent: false }
const silent = STATES['half-open, with a probe and calls that fail']
const probing = STATES['half-open, with a probe']
const open = STATES.open

const TABLE: Readonly<Record<StateName, Readonly<Record<EventName, unknown>>>> = {
  'closed, with two failures': {
    'a call fails that was sent before': opened(1, { creations: 1 }, 1_000),
    'a call fails that was sent just now': opened(1, { creations: 1 }, 1_000),
    'a creation fails that was sent before': opened(1, { creations: 2 }, 1_000),
    'a creation fails that was sent just now': opened(1, { creations: 2 }, 1_000),
    'the agent of the probe fails': opened(1, { creations: 1 }, 1_000),
    'the agent of another fails': opened(1, { creations: 1 }, 1_000),
    'a read succeeds': { state: 'closed', row: 0, creations: 1 },
    'a creation or an agent succeeds': CLOSED_CIRCUIT,
    'a creation is let through': 'as it was',
    'the probe lets go': 'as it was',
    'another lets go': 'as it was',
    'a person says try': 'as it was',
  },
  open: {
    'a call fails that was sent before': { ...open, row: 4 },
    'a call fails that was sent just now': { ...open, row: 4 },
    'a creation fails that was sent before': { ...open, row: 4, creations: 1 },
    'a creation fails that was sent just now': { ...open, row: 4, creations: 1 },
    'the agent of the probe fails': { ...open, row: 4 },
    'the agent of another fails': { ...open, row: 4 },
    'a read succeeds': { ...halfOpened, row: 0 },
    'a creation or an agent succeeds': CLOSED_CIRCUIT,
    'a creation is let through': 'as it was',
    'the probe lets go': 'as it was',
    'another lets go': 'as it was',
    'a person says try': halfOpened,
  },
  'open, and its time has come': {
    'a call fails that was sent before': { ...halfOpened, row: 4 },
    'a call fails that was sent just now': { ...halfOpened, row: 4 },
    'a creation fails that was sent before': { ...halfOpened, row: 4, creations: 1 },
    'a creation fails that was sent just now': { ...halfOpened, row: 4, creations: 1 },
    'the agent of the probe fails': { ...halfOpened, row: 4 },
    'the agent of another fails': { ...halfOpened, row: 4 },
    'a read succeeds': { ...halfOpened, row: 0 },
    'a creation or an agent succeeds': CLOSED_CIRCUIT,
    'a creation is let through': { ...halfOpened, until: NOW + 5_000, probes: ['n'] },
    'the probe lets go': halfOpened,
    'another lets go': halfOpened,
    'a person says try': halfOpened,
  },
  'half-open, with a probe': {
    'a call fails that was sent before': { ...probing, row: 4 },
    'a call fails that was sent just now': { ...probing, row: 4, isSilent: true, why: 'now' },
    'a creation fails that was sent before': { ...probing, row: 4, creations: 1 },
    'a creation fails that was sent just now': opened(3, { row: 4, creations: 1 }, 4_000),
    'the agent of the probe fails': opened(3, { row: 4 }, 4_000),
    'the agent of another fails': { ...probing, row: 4 },
    'a read succeeds': { ...probing, row: 0 },
    'a creation or an agent succeeds': CLOSED_CIRCUIT,
    'a creation is let through': { ...probing, at: NOW, until: NOW + 5_000, probes: ['p', 'n'] },
    'the probe lets go': { ...probing, until: NOW + 1_000 },
    'another lets go': 'as it was',
    'a person says try': 'as it was',
  },
  'half-open, with a probe and calls that fail': {
    'a call fails that was sent before': { ...silent, row: 4 },
    'a call fails that was sent just now': { ...silent, row: 4, isSilent: true, why: 'now' },
    'a creation fails that was sent before': { ...silent, row: 4, creations: 1 },
    'a creation fails that was sent just now': opened(3, { row: 4, creations: 1 }, 4_000),
    'the agent of the probe fails': opened(3, { row: 4 }, 4_000),
    'the agent of another fails': { ...silent, row: 4 },
    'a read succeeds': { ...silent, row: 0, isSilent: false },
    'a creation or an agent succeeds': CLOSED_CIRCUIT,
    'a creation is let through': { ...silent, at: NOW, until: NOW + 5_000, probes: ['o', 'p', 'n'], isSilent: false },
    'the probe lets go': { ...opened(3, {}, 4_000), why: 'earlier' },
    'another lets go': 'as it was',
    'a person says try': 'as it was',
  },
}

describe('a circuit', () => {
  for (const [stateName, circuit] of Object.entries(STATES)) {
    it.each(Object.entries(EVENTS))(`that is ${stateName}: %s`, (name, event) => {
      const expected = TABLE[stateName as StateName][name as EventName]
      expect(step(circuit, event)).toEqual(expected === 'as it was' ? circuit : expected)
    })
  }

  it('opens after so many failures in a row, whatever of them were creations, and any success begins the row anew', () => {
    let circuit: Circuit = CLOSED_CIRCUIT
    for (const event of [failure, failure, { type: 'answered' }, failure, failure] as const)
      circuit = step(circuit, event)
    expect(circuit).toEqual({ state: 'closed', row: 2, creations: 0 })
    expect(step(circuit, failure)).toEqual(opened(1, {}, 1_000))
  })

  it('opens when creations fail in a row although reads succeed between', () => {
    const creation = { ...failure, isCreation: true, sentAt: NOW } as const
    const circuit = [creation, { type: 'answered' }, creation, { type: 'answered' }, creation].reduce<Circuit>(
      (before, event) => step(before, event as CircuitEvent),
      CLOSED_CIRCUIT,
    )
    expect(circuit).toEqual(opened(1, { row: 1, creations: 3 }, 1_000))
    // Reads that succeed as they did before are no news.
    expect(step(circuit, { type: 'answered' })).toEqual({ ...circuit, row: 0 })
  })

  it('doubles its delay with each probe that fails up to the longest, chance adds up to a fifth, and a success forgets it', () => {
    const delays: number[] = []
    let now = NOW
    let circuit = { ...opened(1, {}, 0), until: now } as Circuit
    for (let probe = 0; probe < 6; probe++) {
      circuit = step(circuit, { type: 'granted', holder: 'p' }, now)
      circuit = step(circuit, { ...failure, holder: 'p' }, now)
      if (circuit.state === 'closed') throw new Error('It closed.')
      delays.push(circuit.until - now)
      now = circuit.until
    }
    expect(delays).toEqual([2_000, 4_000, 8_000, 8_000, 8_000, 8_000])
    const late = stepCircuit({ ...STATES['closed, with two failures'] }, failure, NOW, RULES, () => 1)
    expect(late).toEqual(opened(1, { creations: 1 }, 1_200))
    expect(step(circuit, { type: 'succeeded' }, now)).toEqual(CLOSED_CIRCUIT)
  })

  it('that nobody has put to the test for an hour is forgotten', () => {
    expect(circuitAt(open, open.until + HOUR).state).toEqual('half-open')
    expect(circuitAt(open, open.until + HOUR + 1)).toEqual(CLOSED_CIRCUIT)
  })

  it('of an earlier process goes on to its time, and a clock that went back does not lengthen that', () => {
    const past = { at: NOW - 500, until: NOW + 1_500, openings: 2, why: 'earlier' }
    expect(restoredCircuit(past, NOW, RULES)).toEqual(open)
    expect(restoredCircuit(past, NOW - 90_000, RULES)).toMatchObject({ at: NOW - 90_000, until: NOW - 88_000 })
    expect(restoredCircuit(past, NOW + 1_500, RULES)).toMatchObject({ state: 'half-open', probes: [] })
    expect(rewoundCircuit(open, 90_000)).toMatchObject({ at: NOW - 90_500, until: NOW - 88_500 })
  })

  it.each([
    ['calls', CALL_RULES],
    ['ends', END_RULES],
  ])('of %s lets one at a time through, and always has a time at which it lets somebody through', (_, rules) => {
    const event = fc.oneof(
      fc.constantFrom<CircuitEvent>(...Object.values(EVENTS)),
      fc.nat(3).map((n): CircuitEvent => ({ ...failure, holder: `${n}` })),
      fc.nat(3).map((n): CircuitEvent => ({ type: 'released', holder: `${n}` })),
      fc.constant('ask' as const),
    )
    const history = fc.array(fc.tuple(event, fc.nat(120_000)), { maxLength: 80 })
    fc.assert(
      fc.property(history, (steps) => {
        let now = NOW
        let circuit: Circuit = CLOSED_CIRCUIT
        let holders = 0
        let probedAt = Number.NEGATIVE_INFINITY
        let released = false
        for (const [what, ms] of steps) {
          now += ms
          if (what !== 'ask') {
            if (what.type === 'granted') continue
            if (what.type === 'released' && what.holder === `${holders}`) released = true
            circuit = stepCircuit(circuit, what, now, rules, noChance)
          } else if (passesCircuit(circuit, now)) {
            const isProbe = circuitAt(circuit, now).state === 'half-open'
            const waited = now - probedAt
            const before = circuit
            circuit = stepCircuit(circuit, { type: 'granted', holder: `${++holders}` }, now, rules, noChance)
            if (before.state === 'half-open' && before.probes.length > 0 && isProbe && !released) {
              expect(waited).toBeGreaterThanOrEqual(rules.patienceMs)
            }
            if (isProbe) expect(passesCircuit(circuit, now)).toEqual(false)
            probedAt = now
            released = false
          }
          const latest = now + Math.max(rules.longestDelayMs, rules.patienceMs)
          expect(passesCircuit(circuit, latest)).toEqual(true)
        }
      }),
      { seed: 20_261_122 },
    )
  })
})
