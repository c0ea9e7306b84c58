import { describe, expect, it } from 'vitest'
import { type GivenWorkflow, type PostedOptions, readGivenWorkflow } from '../../src/api/posted-workflow.ts'
import { WorkflowError } from '../../src/domain/errors.ts'

const REFUSED =
  'would run on this machine; a server takes that only from files of its own, or where its settings say local: true'
const TEXT = `name: x
defaults: { backend: acp:claude, check: { run: [npm, test] } }
manager: { prompt: Watch, backend: command:codex }
tasks:
  a: { prompt: y, setup: [npm, ci] }
  b: { prompt: y, backend: simulated }
`

function mistakesOf(given: GivenWorkflow, options?: PostedOptions): readonly string[] {
  try {
    readGivenWorkflow(given, options)
    return []
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
}

describe('a workflow that somebody sent', () => {
  it('has nothing run on the machine of the server, and is told at which places it would', () => {
    expect(mistakesOf({ kind: 'posted', workflow: TEXT })).toEqual([
      `2:22 defaults.backend: 'acp:claude' ${REFUSED}`,
      `2:34 defaults.check: ${REFUSED}`,
      `3:36 manager.backend: 'command:codex' ${REFUSED}`,
      `5:19 tasks.a.setup: ${REFUSED}`,
    ])
  })

  it('has it run there where the server allows that', () => {
    expect(mistakesOf({ kind: 'posted', workflow: TEXT }, { allowLocal: true })).toEqual([])
  })
})

describe('a workflow file of the server', () => {
  it('is its owner’s', () => {
    expect(mistakesOf({ kind: 'file', file: 'x.yaml', text: TEXT })).toEqual([])
  })
})
