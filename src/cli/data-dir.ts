import type { Command } from 'commander'
import { readConfigFile } from './config-file.ts'
import type { CliContext } from './context.ts'

/** The data folder: the flag (or what {@link configureDataDir} put there), then the environment, then `.troupe`. */
export function dataDirOf(
  flags: { readonly dataDir?: string },
  env: Readonly<Record<string, string | undefined>>,
): string {
  return flags.dataDir || env['TROUPE_DATA_DIR'] || '.troupe'
}

/**
 * Gives a command that takes `--data-dir` the folder that `troupe.config.yaml` names, where neither the flag nor the environment
 * names one. Throws UsageError when the file cannot be used.
 */
export async function configureDataDir(command: Command, context: Pick<CliContext, 'cwd' | 'env'>): Promise<void> {
  // The stand-in keeps its runs in memory unless it is told otherwise.
  const takesFolder = command.options.some(({ long }) => long === '--data-dir') && command.name() !== 'stand-in'
  if (!takesFolder || command.opts()['dataDir'] || context.env['TROUPE_DATA_DIR']) return
  const { dataDir } = await readConfigFile(context.cwd)
  if (dataDir !== undefined) command.setOptionValueWithSource('dataDir', dataDir, 'config')
}
