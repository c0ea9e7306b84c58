import { DOCUMENTED } from '../api/operations.ts'

const PATTERNS = [...new Set(DOCUMENTED.map(([, { path }]) => path))].map((path) => ({
  path,
  segments: path.split('/'),
}))

const PAGES: readonly string[] = ['', 'machines', 'inspect']

/** The pattern that a path belongs to, such as `/v1/runs/{run}`: there are few of them, however many paths are asked for. */
export function routeName(path: string): string {
  const segments = path.split('/')
  const exact = PATTERNS.find((pattern) => pattern.path === path)
  if (exact) return exact.path
  const fits = ({ segments: wanted }: (typeof PATTERNS)[number]) =>
    wanted.length === segments.length && wanted.every((part, index) => part.startsWith('{') || part === segments[index])
  const found = PATTERNS.find(fits)
  if (found) return found.path
  const page = segments[1] ?? ''
  return PAGES.includes(page) ? `/${page}` : 'unknown'
}
