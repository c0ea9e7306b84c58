import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { parseInputs } from '../../src/workflow/inputs.ts'
import { loadWorkflow } from '../../src/workflow/load.ts'
import { inWorld } from '../simulation/world.ts'
import { FakeCli } from '../support/fake-cli.ts'

const emptyFolder = () => mkdtemp(join(tmpdir(), 'troupe-init-'))

describe('troupe init', () => {
  it('writes a workflow and a configuration, and says what to run next', async () => {
    const folder = join(await emptyFolder(), 'new')
    const cli = new FakeCli()
    expect(await cli.run('init', folder)).toBe(0)
    expect((await readdir(folder)).sort()).toEqual(['feature.yaml', 'troupe.config.yaml'])
    expect(cli.stdout.lines).toEqual([
      `Wrote ${folder}/feature.yaml`,
      `Wrote ${folder}/troupe.config.yaml`,
      `Next: troupe validate ${folder}/feature.yaml`,
      `      troupe run ${folder}/feature.yaml --input feature_request="Add login"`,
    ])
    expect(await cli.run('validate', join(folder, 'feature.yaml'))).toBe(0)
    expect(cli.stdout.lines.at(-1)).toBe(
      `${folder}/feature.yaml: feature is valid: 3 tasks, needs --input feature_request=...`,
    )
    expect(await readConfigFile(folder)).toEqual({
      dataDir: '.troupe',
      serve: { host: '127.0.0.1', port: 4600, tokens: [] },
    })
  })

  it('writes into the present folder when none is named', async () => {
    const cli = new FakeCli()
    cli.cwd = await emptyFolder()
    expect(await cli.run('init')).toBe(0)
    expect((await readdir(cli.cwd)).sort()).toEqual(['feature.yaml', 'troupe.config.yaml'])
    expect(cli.stdout.lines[2]).toBe('Next: troupe validate feature.yaml')
  })

  it('writes a workflow that runs to completion on the stand-in', async () => {
    const folder = await emptyFolder()
    await new FakeCli().run('init', folder)
    const text = await readFile(join(folder, 'feature.yaml'), 'utf8')
    const workflow = loadWorkflow({ file: 'feature.yaml', text })
    await inWorld({}, async (world) => {
      const inputs = parseInputs(workflow, { feature_request: 'Add login' })
      const run = await world.orchestrator.start(workflow, inputs, {})
      expect(await world.settled(run)).toEqual({ run, status: 'completed', exitCode: 0 })
      expect(world.orchestrator.view(run).tasks.map(({ task, attempt }) => [task, attempt])).toEqual([
        ['plan', 1],
        ['build[0]', 1],
        ['build[1]', 1],
        ['review', 1],
      ])
    })
  })

  it('overwrites nothing, and writes nothing beside what is there, unless it is told to', async () => {
    const folder = await emptyFolder()
    await writeFile(join(folder, 'troupe.config.yaml'), 'mine')
    const cli = new FakeCli()
    expect(await cli.run('init', folder)).toBe(2)
    expect(cli.stderr.text).toContain(
      `${folder}/troupe.config.yaml is there already: nothing was written. --force overwrites.`,
    )
    expect(await readdir(folder)).toEqual(['troupe.config.yaml'])
    expect(await readFile(join(folder, 'troupe.config.yaml'), 'utf8')).toBe('mine')
    expect(await cli.run('init', folder, '--force')).toBe(0)
    expect((await readFile(join(folder, 'troupe.config.yaml'), 'utf8')).startsWith('# Settings of troupe')).toBe(true)
  })

  it('says why it cannot write', async () => {
    const file = join(await emptyFolder(), 'file')
    await writeFile(file, '')
    const cli = new FakeCli()
    expect(await cli.run('init', file)).toBe(2)
    expect(cli.stderr.text).toContain('Cannot write the first workflow')
  })

  it('ends where the system never lets a folder be made', async () => {
    const cli = new FakeCli()
    expect(await cli.run('init', '/proc/no-such/folder')).toBe(2)
    expect(cli.stdout.lines).toEqual([])
  })
})
