import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readLocalOptions } from '../../src/cli/local-options.ts'
import { temporaryFolder } from '../support/control-socket.ts'

describe('what local agents of a folder are given', () => {
  it('is what the configuration says; folders are relative to it', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'troupe.config.yaml'), 'workDir: trees\nagents: { acp: { x: { program: x } } }\n')
    expect(await readLocalOptions(folder, {})).toEqual({
      env: {},
      workDir: resolve(folder, 'trees'),
      agents: { command: {}, acp: { x: { program: 'x' } } },
    })
    const env = { TROUPE_WORK_DIR: '/elsewhere' }
    expect((await readLocalOptions(folder, env)).workDir).toBe('/elsewhere')
  })

  it('is the environment alone where nothing is said', async () => {
    expect(await readLocalOptions(await temporaryFolder(), { PATH: '/bin' })).toEqual({ env: { PATH: '/bin' } })
  })
})
