import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readWorkflow } from '../src/cli/prepare-run.ts'
import { WorkflowError } from '../src/domain/errors.ts'
import { FakeCli } from './support/fake-cli.ts'
import { workflowFile } from './support/workflow-file.ts'

const GIF = 'data:image/gif;base64,R0lG'
const TEXT = `name: pictures
defaults: { repository: acme/shop, images: [plan.png] }
tasks:
  one: { prompt: Look }
  two: { prompt: Look, images: [more/../other.png, "${GIF}"] }
  three: { prompt: Look, images: [] }
`

describe('images of a workflow file', () => {
  it('are looked for beside the file, wherever troupe was started', async () => {
    const file = await workflowFile(TEXT)
    const folder = dirname(file)
    await writeFile(join(folder, 'plan.png'), 'PNG')
    await writeFile(join(folder, 'other.png'), 'PNG')
    const { tasks } = await readWorkflow(file)
    expect(tasks.map(({ images }) => images)).toEqual([
      [join(folder, 'plan.png')],
      [join(folder, 'other.png'), GIF],
      [],
    ])
  })

  it('are all checked before anything starts, each at its place', async () => {
    const file = await workflowFile(TEXT.replace('plan.png', 'plan.txt'))
    const error: unknown = await readWorkflow(file).catch((reason: unknown) => reason)
    expect(error instanceof WorkflowError ? error.problems : error).toEqual([
      {
        file,
        line: 2,
        column: 45,
        message: "defaults.images[0]: 'plan.txt' cannot be sent: its type is none of .png .jpg .jpeg .gif .webp .svg",
      },
      {
        file,
        line: 5,
        column: 33,
        message: "tasks.two.images[0]: 'more/../other.png' cannot be sent: there is no such file",
      },
    ])
  })

  it('that are missing are told by validate', async () => {
    const file = await workflowFile(TEXT)
    const cli = new FakeCli()
    expect(await cli.run('validate', file)).toBe(2)
    expect(cli.stderr.lines).toEqual([
      `${file}:2:45: defaults.images[0]: 'plan.png' cannot be sent: there is no such file`,
      `${file}:5:33: tasks.two.images[0]: 'more/../other.png' cannot be sent: there is no such file`,
    ])
  })
})
