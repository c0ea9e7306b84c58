import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { writeDefinition } from '../src/run-files.ts'
import { defineWorkflow } from '../src/workflow/define.ts'
import { temporaryFolder } from './host/temporary-folder.ts'

const workflow = defineWorkflow({ name: 'one', tasks: { one: { prompt: 'One', backend: 'simulated' } } })

describe('the definition of a run', () => {
  it('that cannot be written is trouble with the data folder, not a mistake in troupe', async () => {
    const folder = join(await temporaryFolder(), 'taken')
    await writeFile(folder, '')
    const definition = { v: 1, workflow, inputs: {}, settings: {}, standIn: false, startedAt: 0 } as const
    await expect(writeDefinition(folder, definition, createVirtualClock())).rejects.toMatchObject({
      code: 'data-folder-failed',
      folder,
      message: expect.stringContaining(`Cannot write workflow.json in ${folder}: the system refused.`),
    })
  })
})
