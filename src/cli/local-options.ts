import { resolve } from 'node:path'
import type { LocalOptions } from '../accounts.ts'
import { readConfigFile } from './config-file.ts'

/**
 * What local agents of a folder are given. The environment goes before `troupe.config.yaml`; a relative folder starts at `cwd`. Throws
 * UsageError.
 */
export async function readLocalOptions(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LocalOptions> {
  const { agents, workDir: named } = await readConfigFile(cwd)
  const workDir = env['TROUPE_WORK_DIR'] || named
  return {
    env,
    ...(agents === undefined ? {} : { agents }),
    ...(workDir === undefined ? {} : { workDir: resolve(cwd, workDir) }),
  }
}
