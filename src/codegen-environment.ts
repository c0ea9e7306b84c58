import type { CodegenEnvironment } from './accounts.ts'
import { UsageError } from './domain/errors.ts'

/** Where Codegen itself is. */
export const LIVE_CODEGEN_URL = 'https://api.codegen.com'

/** What the environment says of the account at Codegen. An empty variable counts as none. */
export function readCodegenEnvironment(env: Readonly<Record<string, string | undefined>>): CodegenEnvironment {
  const { CODEGEN_API_TOKEN: token, CODEGEN_ORG_ID: organizationId, CODEGEN_API_BASE_URL: baseUrl } = env
  return {
    ...(token ? { token } : {}),
    ...(organizationId ? { organizationId } : {}),
    ...(baseUrl ? { baseUrl } : {}),
  }
}

/** Whether the embedded stand-in plays Codegen: neither a token nor an address is set. */
export function isEmbedded({ token, baseUrl }: CodegenEnvironment): boolean {
  return token === undefined && baseUrl === undefined
}

/** The number of an organization. Throws UsageError that names the variable. */
export function organizationNumber(text: string): number {
  if (/^\d{1,15}$/.test(text.trim())) return Number(text)
  throw new UsageError('CODEGEN_ORG_ID is not the number of an organization. Set it to that number, or to nothing.')
}
