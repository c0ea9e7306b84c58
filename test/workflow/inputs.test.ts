import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/domain/errors.ts'
import type { Workflow } from '../../src/domain/workflow.ts'
import { parseInputs } from '../../src/workflow/inputs.ts'

const workflow: Pick<Workflow, 'name' | 'inputs'> = {
  name: 'flow',
  inputs: {
    text: { type: 'string', required: true, description: 'What to do' },
    count: { type: 'integer', required: false, default: 3 },
    ratio: { type: 'number', required: false },
    dry: { type: 'boolean', required: false },
    tags: { type: 'array', required: false },
    more: { type: 'object', required: false },
  },
}

describe('parseInputs', () => {
  it('parses texts by the declared type and fills in defaults', () => {
    expect(parseInputs(workflow, { text: '5', ratio: '0.5', dry: 'true', tags: '["a"]', more: '{"a":null}' })).toEqual({
      text: '5',
      count: 3,
      ratio: 0.5,
      dry: true,
      tags: ['a'],
      more: { a: null },
    })
  })

  it('takes values that are of the type already, and leaves out what is neither given nor has a default', () => {
    expect(parseInputs(workflow, { text: '', count: 1, tags: [], more: {} })).toEqual({
      text: '',
      count: 1,
      tags: [],
      more: {},
    })
  })

  it('reports everything that is wrong at once', () => {
    const given = { txt: 'x', count: '1.5', ratio: 'much', dry: 'yes', tags: '{}', more: 7, zzz: '1' }
    expect(() => parseInputs(workflow, given)).toThrow(
      new UsageError(`Inputs of flow:
  txt: the workflow has no such input; did you mean 'text'?
  zzz: the workflow has no such input; there is: text, count, ratio, dry, tags, more
  text: is missing; it must be text (What to do)
  count: must be a whole number, not 1.5
  ratio: must be a number, not much
  dry: must be true or false, not yes
  tags: must be a JSON list such as ["a", "b"], not {}
  more: must be a JSON object such as {"a": 1}, not 7`),
    )
  })

  it('says when a workflow takes none', () => {
    expect(() => parseInputs({ name: 'flow', inputs: {} }, { a: '1' })).toThrow(
      new UsageError('Inputs of flow:\n  a: the workflow has no such input; it takes none'),
    )
  })
})
