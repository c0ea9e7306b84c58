import { OPERATIONS } from '../api/operations.ts'

const PATTERNS = [...new Set(Object.values(OPERATIONS).map(({ path }) => path))].map((path) => ({
  path,
  segments: path.split('/'),
}))
const OTHERS: readonly string[] = ['/', '/healthz', '/readyz', '/metrics', '/v1/tickets']

/** The pattern that a path belongs to, such as `/v1/runs/{run}`: there are few of them, however many paths are asked for. */
export function routeName(path: string): string {
  const segments = path.split('/')
  const exact = PATTERNS.find((pattern) => pattern.path === path)
  if (exact) return exact.path
  if (OTHERS.includes(path)) return path
  const fits = ({ segments: wanted }: (typeof PATTERNS)[number]) =>
    wanted.length === segments.length && wanted.every((part, index) => part.startsWith('{') || part === segments[index])
  const found = PATTERNS.find(fits)
  if (found) return found.path
  const page = segments[1] ?? ''
  return page === 'machines' || page === 'inspect' ? `/${page}` : 'unknown'
}
