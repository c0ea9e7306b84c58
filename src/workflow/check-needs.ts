import type { ProblemList } from './problems.ts'
import type { TaskDraft } from './shape.ts'
import { suggest } from './suggestion.ts'
import { dependentsOf, findCircles, type Needs, topologicalOrder } from './topology.ts'

/** The graph of a draft: tasks by number, unknown needs left out. */
export interface DraftGraph {
  readonly index: ReadonlyMap<string, number>
  readonly needs: Needs
  readonly order: readonly number[]
}

/** Checks `needs`: unknown and repeated ones, and circles, each named as a path. */
export function checkNeeds(tasks: readonly TaskDraft[], problems: ProblemList): DraftGraph {
  const index = new Map(tasks.map((task, at) => [task.id, at]))
  const ids = tasks.map((task) => task.id)
  const needs = tasks.map((task) => {
    const list: number[] = []
    const seen = new Set<string>()
    for (const [at, need] of (task.given.needs ?? []).entries()) {
      const node = index.get(need)
      const path = ['tasks', task.id, 'needs', at]
      if (seen.has(need)) problems.add(path, `'${need}' is named twice`)
      else if (node === undefined) problems.add(path, `there is no task '${need}'${suggest(need, ids)}`)
      else list.push(node)
      seen.add(need)
    }
    return list
  })
  const order = topologicalOrder(needs, dependentsOf(needs))
  if (order.length < tasks.length) for (const circle of findCircles(needs)) reportCircle(circle, ids, tasks, problems)
  return { index, needs, order }
}

function reportCircle(
  circle: readonly number[],
  ids: readonly string[],
  tasks: readonly TaskDraft[],
  problems: ProblemList,
): void {
  const names = circle.map((node) => ids[node] ?? '')
  const [first = '', second = first] = names
  const at = tasks[circle[0] ?? 0]?.given.needs?.indexOf(second) ?? 0
  const shown = names.length > 20 ? [...names.slice(0, 10), '...', ...names.slice(-9)] : names
  const way = [...shown, first].join(' -> ')
  problems.add(['tasks', first, 'needs', at], `a circle of needs: ${way}; remove one of these needs`)
}
