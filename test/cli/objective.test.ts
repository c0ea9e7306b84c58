import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FakeCli } from '../support/fake-cli.ts'
import { workflowFile } from '../support/workflow-file.ts'

async function fileOf(text: string, name = 'roles.yaml'): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'troupe-objective-')), name)
  await writeFile(path, text)
  return path
}

function cliThatCompletes(): FakeCli {
  const cli = new FakeCli()
  cli.orchestrator.onBegun = (run) => {
    cli.orchestrator.append(run, 1, { from: 'running', to: 'completed' })
    cli.orchestrator.settle(run, { status: 'completed', exitCode: 0 })
  }
  return cli
}

describe('troupe run --objective', () => {
  it('starts a run that is called what the first line says, with the text as an input', async () => {
    const cli = cliThatCompletes()
    expect(await cli.run('run', '--objective', 'Add login\nwith a form', '--json', '--seed', '7')).toBe(0)
    expect(cli.orchestrator.calls).toEqual([
      ['start', 'Add login', { objective: 'Add login\nwith a form' }, { seed: 7 }],
    ])
  })

  it('takes the objective from a file, and the roles from another', async () => {
    const cli = cliThatCompletes()
    const objective = await fileOf('Add login\n', 'objective.txt')
    expect(await cli.run('run', '--objective', `@${objective}`, '--roles', await fileOf('- Tester\n'), '--json')).toBe(
      0,
    )
    expect(cli.orchestrator.calls).toEqual([['start', 'Add login', { objective: 'Add login' }, {}]])
  })

  it('says every mistake of the roles with its place, and starts nothing', async () => {
    const cli = new FakeCli()
    const roles = await fileOf('Tester: 1\nWriter: 2\n')
    expect(await cli.run('run', '--objective', 'Go', '--roles', roles)).toBe(2)
    expect(cli.stderr.text).toContain(`${roles}:1:9: Tester: must be the first words of its prompt`)
    expect(cli.stderr.text).toContain(`${roles}:2:9: Writer: must be the first words of its prompt`)
    expect([cli.orchestrator.calls, cli.taken]).toEqual([[], []])
  })

  it.each([
    [[], 'Give a workflow file, or what is to be achieved with --objective "TEXT".'],
    [['FILE', '--objective', 'Go'], 'Give a workflow file or --objective, not both'],
    [['FILE', '--roles', 'roles.yaml'], '--roles belongs to --objective'],
    [['FILE', '--repository', 'acme/shop'], '--repository belongs to --objective'],
    [['--objective', 'Go', '--input', 'a=b'], '--input belongs to a workflow file'],
    [['--objective', ''], 'The objective is empty'],
  ])('is refused where it is not clear what is meant: %j', async (words, message) => {
    const cli = new FakeCli()
    const file = await workflowFile()
    expect(await cli.run('run', ...words.map((word) => (word === 'FILE' ? file : word)))).toBe(2)
    expect(cli.stderr.text).toContain(message)
    expect([cli.orchestrator.calls, cli.taken]).toEqual([[], []])
  })
})
