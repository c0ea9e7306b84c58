import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { workflowJsonSchema } from '../../src/workflow/json-schema.ts'

const EXAMPLES = ['sequential', 'parallel', 'hybrid', 'feature-development']
const at = (path: string) => new URL(`../../${path}`, import.meta.url)

describe('workflow.schema.json', () => {
  it('is up to date (npx tsx scripts/write-workflow-schema.ts)', async () => {
    expect(await readFile(at('workflow.schema.json'), 'utf8')).toEqual(workflowJsonSchema())
  })

  it.each(EXAMPLES)('fits the example %s', async (name) => {
    const validate = new Ajv2020({ strict: false }).compile(JSON.parse(workflowJsonSchema()))
    expect([validate(parse(await readFile(at(`examples/${name}.yaml`), 'utf8'))), validate.errors]).toEqual([
      true,
      null,
    ])
  })

  it('refuses an unknown key, as the loader does', () => {
    const validate = new Ajv2020({ strict: false }).compile(JSON.parse(workflowJsonSchema()))
    expect(validate({ name: 'x', tasks: { a: { prompt: 'y', wat: 1 } } })).toEqual(false)
  })
})
