import { readFileSync } from 'node:fs'

/** The version of troupe, as its package says. */
export function troupeVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { readonly version: string }
  return version
}
