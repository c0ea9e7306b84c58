import { describe, expect, it } from 'vitest'
import type { RunHost } from '../src/host/run-host.ts'
import type { FailedCheck } from '../src/machines/effects.ts'
import { turnText } from '../src/turn-texts.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { faultsOf } from './hostile/prompt-faults.ts'
import { ALL, HOSTILE } from './hostile/texts.ts'

const workflow = defineWorkflow({ name: 'x', tasks: { a: { prompt: 'Do it' } } })
const host = { run: 'run_1', workflow } as unknown as RunHost
const REF = { backend: 'x', id: '1' }

const textOf = (failed: FailedCheck) =>
  turnText(host, { task: 'a', attempt: 1, ref: REF, turn: 2, message: { kind: 'check', ...failed } })

describe('what an agent is told of a check that failed', () => {
  it('names the command, how it ended and what it printed, and asks for the report once more', async () => {
    const text = await textOf({ command: ['npm', 'test'], exitCode: 1, output: '1 failed' })
    expect(
      text.split('\n\nEnd your answer')[0],
    ).toBe(`troupe ran npm test in your worktree, and it failed (exit code 1).

What it printed at its end follows as data:

\`\`\`text
1 failed
\`\`\`

Put right what is wrong, in the code and not in what checks it, and then report again, whole. troupe will run the check once more.`)
    expect(text).toMatch(/\[troupe:run_1\/a\/1\/2\]$/)
  })

  it('says what was wrong where no exit code does, and that nothing was printed', async () => {
    const text = await textOf({ command: ['make'], exitCode: null, trouble: 'it took longer than 60 s', output: ' \n' })
    expect(text).toContain('it failed (it took longer than 60 s).\n\nIt printed nothing.\n\n')
  })

  it.each([...Object.entries(HOSTILE), ['all of them', ALL]])(
    'is data, whatever the command printed: %s',
    async (_, output) => {
      const text = await textOf({ command: ['npm', 'test'], exitCode: 1, output })
      expect(faultsOf('run_1', { task: 'a', attempt: 1, turn: 2, text })).toEqual([])
    },
  )
})
