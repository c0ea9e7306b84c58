import { describe, expect, it } from 'vitest'
import { budgetLines, reportedLines, useText } from '../../src/cli/budget-text.ts'
import { parseRaises } from '../../src/cli/continue.ts'
import { continueWords } from '../../src/cli/next-commands.ts'
import { budgetAmount, usedUp, usedUpKey } from '../../src/domain/budget.ts'
import type { RunView, TaskView } from '../../src/domain/views.ts'

const NOW = Date.UTC(2026, 0, 1, 12)
const since = new Date(NOW - 60_000).toISOString()

describe('troupe continue --budget', () => {
  it('takes each part by so much', () => {
    expect(
      parseRaises(['agentRuns=+20', 'managerTurns=+5', 'duration=+1h', 'cost=+0.50', 'tokens=+100000', 'cost=+0.1']),
    ).toEqual({ agentRuns: 20, managerTurns: 5, duration: 3_600_000, cost: 0.6, tokens: 100_000 })
  })

  it.each([
    ['agents=+2', 'write one of agentRuns=+10, managerTurns=+5, duration=+1h, cost=+5, tokens=+100000.'],
    ['nonsense', 'write one of agentRuns=+10, managerTurns=+5, duration=+1h, cost=+5, tokens=+100000.'],
    ['cost=5', 'write one of agentRuns=+10, managerTurns=+5, duration=+1h, cost=+5, tokens=+100000.'],
    ['cost=+five', 'write cost=+5.'],
    ['cost=+0', 'write cost=+5.'],
    ['tokens=+1.5', 'write tokens=+100000.'],
    ['duration=+1', 'write duration=+1h.'],
    ['agentRuns=+1e9', 'write agentRuns=+10.'],
  ])('refuses %s and says what to write', (text, advice) => {
    expect(() => parseRaises([text])).toThrow(`--budget ${text}: ${advice}`)
  })

  it.each(['agentRuns', 'managerTurns', 'duration', 'cost', 'tokens'] as const)(
    'is offered for the part that is used up: %s',
    (key) => {
      const reason = usedUp(key, key === 'duration' ? 5_400_000 : 12.5, '2 used')
      expect(usedUpKey(reason)).toBe(key)
      expect(continueWords({ run: 'run_1', reason } as RunView)).toMatch(
        new RegExp(`^continue run_1 --budget ${key}=\\+`),
      )
    },
  )

  it('is not offered for another reason', () => {
    expect([usedUpKey('Paused by a person'), usedUpKey(undefined), budgetAmount('duration', 5_400_000)]).toEqual([
      undefined,
      undefined,
      '90 minutes',
    ])
  })
})

describe('what a person is shown of a budget', () => {
  it('is what is used of what is allowed, and what is set aside', () => {
    expect(
      budgetLines(
        {
          agentRuns: { used: 3, allowed: 40 },
          managerTurns: { used: 2, allowed: 5 },
          duration: { used: 60_000, since, allowed: 14_400_000 },
          cost: { used: 1.2, reserved: 0.5, allowed: 5 },
          tokens: { used: 12_000, allowed: 100_000 },
        },
        NOW,
      ),
    ).toEqual([
      'Used: 3 of 40 agent runs, 2 of 5 manager turns, 2m00s of 4h00m, $1.20 of $5.00 ($0.50 set aside), 12,000 of 100,000 tokens',
    ])
  })

  it('is nothing for a run without one that costs nothing', () => {
    expect(budgetLines({ agentRuns: { used: 3 }, duration: { used: 60_000 } }, NOW)).toEqual([])
    expect(budgetLines({ agentRuns: { used: 3 }, duration: { used: 60_000 }, cost: { used: 0.001 } }, NOW)).toEqual([
      'Used: $0.001000',
    ])
  })

  it('is of each task how many agent runs, for how long, for how much', () => {
    const task = { agentRuns: 2, ranMs: 30_000, cost: 0.75, tokens: 1_234 } as TaskView
    expect(useText(task, NOW)).toBe('2 agent runs, 30s, $0.75, 1,234 tokens')
    expect(useText({ agentRuns: 1, ranMs: 30_000, ranSince: since } as TaskView, NOW)).toBe('1 agent run, 1m30s')
    expect(useText({} as TaskView, NOW)).toBe(undefined)
  })
})

describe('what a person is shown of reports', () => {
  const none = {
    filesModified: 0,
    files: [],
    prCreated: 0,
    testsPassed: { tasks: 0, failed: 0, tests: 0 },
    pullRequests: [],
  }

  it('is what they claim together, without what a terminal would obey', () => {
    expect(
      reportedLines({
        ...none,
        filesModified: 12,
        testsPassed: { tasks: 3, failed: 1, tests: 48 },
        metrics: { api_calls_made: 30, 'a\u001b[31m': 1.255 },
        pullRequests: [{ url: 'https://code.invalid/1' }],
      }),
    ).toEqual([
      'Reported: 12 files modified, 1 pull request, tests passed in 3 of 4 tasks (48 tests), api_calls_made 30, a 1.25',
    ])
  })

  it('names eight metrics, and nothing where there is nothing', () => {
    const metrics = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`m${i}`, i]))
    expect(reportedLines({ ...none, metrics })[0]).toMatch(/m7 7, 2 more metrics$/)
    expect([reportedLines({ ...none, metrics: {} }), reportedLines(undefined)]).toEqual([[], []])
  })
})
