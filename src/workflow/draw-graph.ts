import type { TaskSpec, Workflow } from '../domain/workflow.ts'

/** Languages a graph can be drawn in. */
export const GRAPH_FORMATS = ['mermaid', 'dot'] as const
export type GraphFormat = (typeof GRAPH_FORMATS)[number]

/** A workflow's graph as text: tasks in the order of the file, an arrow from each task to those that need it. */
export function drawGraph(workflow: Workflow, format: GraphFormat): string {
  return format === 'mermaid' ? drawMermaid(workflow) : drawDot(workflow)
}

function drawMermaid({ tasks, manager }: Workflow): string {
  const number = new Map(tasks.map(({ id }, index) => [id, index]))
  const lines = ['flowchart TD']
  if (manager !== undefined) lines.push(`  manager{{"${mermaidText(managerLabel(manager))}"}}`)
  for (const [index, task] of tasks.entries()) {
    const label = mermaidText(labelOf(task).join('\n'))
    // Ids may be words of the language, such as `end`.
    lines.push(task.forEach === undefined ? `  t${index}["${label}"]` : `  t${index}[["${label}"]]`)
  }
  for (const [index, { needs }] of tasks.entries()) {
    for (const need of needs) lines.push(`  t${number.get(need)} --> t${index}`)
  }
  return `${lines.join('\n')}\n`
}

function drawDot({ name, tasks, manager }: Workflow): string {
  const lines = [`digraph ${dotText(name)} {`, '  node [shape=box];']
  if (manager !== undefined) {
    lines.push(`  manager [shape=hexagon, label=${dotText(managerLabel(manager))}];`)
  }
  for (const task of tasks) {
    const shape = task.forEach === undefined ? '' : ', peripheries=2'
    lines.push(`  ${dotText(task.id)} [label=${dotText(labelOf(task).join('\n'))}${shape}];`)
  }
  for (const { id, needs } of tasks) {
    for (const need of needs) lines.push(`  ${dotText(need)} -> ${dotText(id)};`)
  }
  return `${[...lines, '}'].join('\n')}\n`
}

function managerLabel({ planning }: NonNullable<Workflow['manager']>): string {
  return planning === undefined ? 'manager' : 'manager (plans)'
}

/** What is to be known of a task at a glance, a line each. */
function labelOf(task: TaskSpec): readonly string[] {
  const { id, role, forEach, if: condition, approval } = task
  const source =
    forEach && `tasks.${forEach.task}.${forEach.outputs ? 'outputs' : ['output', ...forEach.path].join('.')}`
  return [
    id,
    ...(role === undefined ? [] : [role]),
    ...(source === undefined ? [] : [`for each of ${source}`]),
    ...(condition === undefined ? [] : [`if ${condition.kind === 'expression' ? condition.source : condition.kind}`]),
    ...(approval === true ? ['needs approval'] : []),
  ]
}

/** Text in quotes: what the language would understand is written by its number. */
function mermaidText(text: string): string {
  return text
    .replace(/[#"&<>`]/g, (character) => `#${character.charCodeAt(0)};`)
    .replace(/\r?\n/g, '<br/>')
    .replace(/\p{Cc}+/gu, ' ')
}

function dotText(text: string): string {
  const escaped = text.replace(/[\\"]/g, '\\$&').replace(/\r?\n/g, '\\n')
  return `"${escaped.replace(/\p{Cc}+/gu, ' ')}"`
}
