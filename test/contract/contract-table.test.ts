import { expect, it } from 'vitest'
import { CONTRACT, gapOf } from './backend-contract.ts'
import type { CaseName } from './stage.ts'
import { SUBJECTS } from './subjects.ts'

const CASES = Object.keys(CONTRACT) as CaseName[]
/** What says something about a backend's program alone, not about what becomes of its agents. */
const NOT_ASKED = ['logs']
const ELSEWHERE = {
  slash: 'declares no worktree',
  work: 'declares no worktree',
  denied: 'declares no worktree',
  asked: 'declares no worktree',
  'rate-limit': 'declares no worktree',
  'usage-limit': 'declares no worktree',
  auth: 'declares no worktree',
  cut: 'declares no worktree',
  'agent-killed': 'declares no worktree',
  steer: 'declares no steer, no worktree',
  'nothing-left': 'declares no worktree',
}
const asked = 'a command asks nobody: what it may not do is refused before it starts'
const steer = 'declares no steer'

it('asks every backend for everything, but for what it does not declare and for what a reason is given', () => {
  const gapsOf = (subject: (typeof SUBJECTS)[number]) =>
    Object.fromEntries(
      CASES.flatMap((name) => {
        const reason = gapOf(subject, name)
        return reason === undefined ? [] : [[name, reason]]
      }),
    )
  expect(Object.fromEntries(SUBJECTS.map((subject) => [subject.name, gapsOf(subject)]))).toEqual({
    simulated: { ...ELSEWHERE, 'cancel-tool': 'declares no worktree' },
    'codegen (its stand-in)': {
      ...ELSEWHERE,
      'created-once': 'declares no idempotentCreate',
      usage: 'declares no usage',
      'cancel-hung': 'declares no cancel',
      'cancel-tool': 'declares no cancel, no worktree',
    },
    'acp:scripted': {},
    'command:described': { asked, steer },
    'command:claude': { asked },
    'command:codex': { asked, steer },
    'acp:claude': { steer },
    'acp:codex': {},
  })
})

it('has a case for every capability', () => {
  const needed = new Set<string>(CASES.flatMap((name) => CONTRACT[name].needs))
  const capabilities = Object.keys({ ...SUBJECTS[0]?.capabilities, worktree: true })
  expect(capabilities.filter((name) => !NOT_ASKED.includes(name) && !needed.has(name))).toEqual([])
})
