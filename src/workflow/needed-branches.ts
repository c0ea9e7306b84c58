import type { PullRequest } from '../domain/report.ts'
import { cleanName } from '../domain/reported-work.ts'
import { defuseMarks } from './build-prompt.ts'
import { analyseTemplate } from './template.ts'

/** How many are named, and how much of each name. */
const MOST = 50
const NAME = 200
const PLACES: ReadonlySet<unknown> = new Set(['branches', 'pullRequests'])

/** Whether a prompt says by itself where the work of other tasks is. */
export function namesBranches(template: string): boolean {
  return analyseTemplate(template).reads.some(({ root, path }) => root === 'tasks' && PLACES.has(path[1]))
}

/** The branches of pull requests, each once, cleaned: a line each. */
export function branchesOf(pullRequests: readonly PullRequest[]): readonly string[] {
  const names = pullRequests.flatMap(({ branch }) => (branch === undefined ? [] : cleaned(branch)))
  return [...new Set(names)].filter((name) => name !== '')
}

/** A line for a prompt: on which branches the work of needed tasks is, as data. Undefined where there is none. */
export function neededBranches(
  needs: readonly { readonly id: string; readonly pullRequests: readonly PullRequest[] }[],
): string | undefined {
  const places: string[] = []
  for (const { id, pullRequests } of needs) {
    for (const { branch, url } of pullRequests) {
      const name = cleaned(branch ?? '')
      if (name === '') continue
      const where = url === undefined ? '' : ` (${JSON.stringify(cleaned(url))})`
      places.push(`${id} on branch ${JSON.stringify(name)}${where}`)
    }
  }
  if (places.length === 0) return undefined
  const rest = places.length - MOST
  return `> Work of the tasks this one needs: ${places.slice(0, MOST).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

/** Names come from a backend, which has them from an agent. */
function cleaned(text: string): string {
  return defuseMarks(cleanName(text, NAME))
}
