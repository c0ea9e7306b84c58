import { describe, expect, it } from 'vitest'
import { checkOutput, checkSchema } from '../../src/workflow/output-schema.ts'

const schema = {
  type: 'object',
  required: ['tasks'],
  properties: {
    tasks: {
      type: 'array',
      items: { type: 'object', required: ['title'], properties: { kind: { enum: ['a', 'b'] } } },
    },
  },
  additionalProperties: false,
}

describe('checkOutput', () => {
  it('accepts what fits', () => {
    expect(checkOutput(schema, { tasks: [{ title: 'x', kind: 'a' }] })).toEqual(undefined)
  })

  it('names the place of everything that does not', () => {
    expect(checkOutput(schema, { tasks: [{ title: 'x' }, { kind: 'c' }], more: 1 })).toEqual(
      `output must NOT have additional properties ('more'); output.tasks[1] must have required property 'title'; output.tasks[1].kind must be equal to one of the allowed values: ["a","b"]`,
    )
    expect(checkOutput(schema, 'text')).toEqual('output must be object')
  })

  it('shows five places and counts the rest', () => {
    const lines = checkOutput({ items: { type: 'string' } }, [1, 2, 3, 4, 5, 6, 7])?.split('; ')
    expect(lines).toEqual([...[0, 1, 2, 3, 4].map((index) => `output[${index}] must be string`), 'and 2 more'])
  })

  it('takes two schemas of one $id, references within, and the draft of 2020', () => {
    const list = {
      $id: 'urn:troupe:list',
      type: 'array',
      items: { $ref: '#/definitions/one' },
      definitions: { one: { type: 'string' } },
    }
    expect(checkOutput(list, [1])).toEqual('output[0] must be string')
    expect(checkOutput({ ...list, definitions: { one: { type: 'number' } } }, [1])).toEqual(undefined)
    expect(
      checkOutput({ $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'string' }] }, [1]),
    ).toEqual('output[0] must be string')
  })
})

describe('checkSchema', () => {
  it.each([
    [{ type: 'strng' }, 'is not a valid JSON Schema: type must be equal to one of the allowed values'],
    [
      { $ref: 'https://example.test/x' },
      `is not a valid JSON Schema: can't resolve reference https://example.test/x from id #`,
    ],
    [{ $async: true }, 'is not a valid JSON Schema: $async is not supported'],
    [
      { $id: 'http://json-schema.org/draft-07/schema#' },
      'is not a valid JSON Schema: its $id belongs to JSON Schema itself',
    ],
    [{ pattern: '(' }, 'is not a valid JSON Schema: Invalid regular expression: /(/u: Unterminated group'],
  ])('refuses %j', (wrong, why) => {
    expect([checkSchema(wrong), checkSchema({ type: 'object' })]).toEqual([why, undefined])
  })
})
