import { dirname, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { WorkflowError } from '../../src/domain/errors.ts'

// Only what is compiled reads in a thread.
const compiled = resolve(dirname(process.env['TROUPE_TEST_CLI'] ?? ''), '../api/read-workflow.js')
const { readWorkflow }: typeof import('../../src/api/read-workflow.ts') = await import(compiled)

const SMALL = 'name: small\ntasks:\n  a: { prompt: x }\n'
const COMMENTS = '#\n'.repeat(200_000)

describe('a large workflow', () => {
  it('is read as a small one is, and everybody else goes on meanwhile', async () => {
    let turns = 0
    let reading = true
    const turn = () => {
      turns++
      if (reading) setImmediate(turn)
    }
    setImmediate(turn)
    const large = await readWorkflow({ kind: 'posted', workflow: SMALL + COMMENTS })
    reading = false
    // Read in this thread it would be one.
    expect(turns).toBeGreaterThan(10)
    expect(large).toEqual(await readWorkflow({ kind: 'posted', workflow: SMALL }))
  })

  it('is refused with the places of its mistakes', async () => {
    const text = `${COMMENTS}name: large\ntasks:\n  a: { promt: x }\n`
    const refusal = await readWorkflow({ kind: 'file', file: 'large.yaml', text }).catch(
      (error: WorkflowError) => error,
    )
    expect((refusal as WorkflowError).problems.map(({ file, line, column }) => [file, line, column])).toEqual([
      ['large.yaml', 200_003, 3],
      ['large.yaml', 200_003, 8],
    ])
  })

  it('keeps no other from being read after it, whatever became of it', async () => {
    const results = await Promise.allSettled([
      readWorkflow({ kind: 'posted', workflow: COMMENTS }),
      readWorkflow({ kind: 'posted', workflow: SMALL + COMMENTS }),
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })
})
