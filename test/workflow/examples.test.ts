import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { expandForEach } from '../../src/workflow/for-each.ts'
import { parseInputs } from '../../src/workflow/inputs.ts'
import { loadWorkflow } from '../../src/workflow/load.ts'
import { checkOutput } from '../../src/workflow/output-schema.ts'

async function example(name: string) {
  const file = `examples/${name}.yaml`
  return loadWorkflow({ file, text: await readFile(new URL(`../../${file}`, import.meta.url), 'utf8') })
}

describe('the examples', () => {
  it.each(['sequential', 'parallel', 'hybrid'])(
    '%s makes at most nine agent runs, and needs no input',
    async (name) => {
      const workflow = await example(name)
      const runs = workflow.tasks.map(({ simulate }) => 1 + Number(simulate?.['failures'] ?? 0))
      expect(runs.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(9)
      expect(() => parseInputs(workflow, {})).not.toThrow()
    },
  )

  it('feature-development makes nine agent runs: the plan it simulates fits its schema and has four tasks', async () => {
    const workflow = await example('feature-development')
    const plan = workflow.tasks.find(({ id }) => id === 'plan')
    const execute = workflow.tasks.find(({ id }) => id === 'execute')
    const output = plan?.simulate?.['output'] ?? null
    expect(checkOutput(plan?.output ?? {}, output)).toEqual(undefined)
    const items = execute === undefined ? [] : expandForEach(execute, { output }).items
    expect([items.length, workflow.tasks.length - 1 + items.length + (workflow.manager === undefined ? 0 : 1)]).toEqual(
      [4, 9],
    )
    expect(parseInputs(workflow, { feature_request: 'Add login' })).toEqual({ feature_request: 'Add login' })
    expect(() => parseInputs(workflow, {})).toThrow(/feature_request: is missing/)
  })
})
