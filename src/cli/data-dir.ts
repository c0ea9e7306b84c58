/** The data folder: the flag, then the environment, then `.troupe`. */
export function dataDirOf(
  flags: { readonly dataDir?: string },
  env: Readonly<Record<string, string | undefined>>,
): string {
  return flags.dataDir || env['TROUPE_DATA_DIR'] || '.troupe'
}
