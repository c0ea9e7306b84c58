import { Context, type Template } from 'liquidjs'
import { WorkflowError } from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import { engine, explainParseError, type TemplateMistake } from './template-engine.ts'
import { prepareTemplate, type Read } from './template-reads.ts'
import type { TaskTemplateView } from './template-view.ts'

const MAX_PROMPT = 1_000_000
const MAX_CACHED = 10_000

/** The values a template or condition sees. */
export interface TemplateScope {
  readonly inputs: JsonObject
  /** Of a `forEach` task alone. */
  readonly item?: Json
  /** From 0; of a `forEach` task alone. */
  readonly index?: number
  /** At least those named by {@link referencedTasks}. */
  readonly tasks: Readonly<Record<string, TaskTemplateView>>
}

/** What is known of a template without rendering it. */
export interface TemplateAnalysis {
  /** Undefined when the text has nothing to fill in. */
  readonly parsed?: readonly Template[]
  readonly reads: readonly Read[]
  readonly mistakes: readonly TemplateMistake[]
}

const analyses = new Map<string, TemplateAnalysis>()

/** Parses and examines a template; equal texts once. Never throws. */
export function analyseTemplate(template: string): TemplateAnalysis {
  const known = analyses.get(template)
  if (known !== undefined) return known
  const analysis = analyse(template)
  if (analyses.size >= MAX_CACHED) analyses.clear()
  analyses.set(template, analysis)
  return analysis
}

function analyse(template: string): TemplateAnalysis {
  if (!template.includes('{{') && !template.includes('{%')) return { reads: [], mistakes: [] }
  try {
    const parsed = engine.parse(template)
    const { reads, mistakes } = prepareTemplate(parsed, template)
    return { parsed, reads, mistakes }
  } catch (error) {
    return { reads: [], mistakes: [explainParseError(error)] }
  }
}

/**
 * Fills a template in. A value that is absent prints nothing, objects print as JSON, and what stems from an agent is
 * quoted, cut and delimited. Throws WorkflowError when the template is invalid or exceeds its bounds.
 */
export function renderTemplate(template: string, scope: TemplateScope): string {
  const { parsed, mistakes } = analyseTemplate(template)
  if (mistakes[0] !== undefined) throw cannotRender(template, mistakes[0].message)
  if (parsed === undefined) return template
  try {
    const context = new Context({ ...scope }, engine.options, { sync: true }, { liquid: engine })
    const text = String(engine.renderSync([...parsed], context))
    if (text.length <= MAX_PROMPT) return text
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const bound = /limit exceeded/.test(message) ? 'it takes too long or makes too much text' : message
    throw cannotRender(template, bound, error)
  }
  throw cannotRender(template, `it makes more than ${MAX_PROMPT} characters`)
}

function cannotRender(template: string, why: string, cause?: unknown): WorkflowError {
  const shown = JSON.stringify(template.length > 80 ? `${template.slice(0, 80)}…` : template)
  const error = new WorkflowError([
    { file: '<template>', line: 0, column: 0, message: `${shown} cannot be filled in: ${why}` },
  ])
  if (cause !== undefined) error.cause = cause
  return error
}
