import { Context, Expression, type Token, Tokenizer, TypeGuards, toValueSync } from 'liquidjs'
import { WorkflowError } from '../domain/errors.ts'
import type { Condition } from '../domain/workflow.ts'
import { analyseTemplate, type TemplateScope } from './template.ts'
import { engine } from './template-engine.ts'
import { placesIn, type Read, readsOfToken } from './template-reads.ts'

const COMPARISONS = ['==', '!=', '<', '>', '<=', '>=', 'contains']
const MAX_LENGTH = 10_000
const MAX_CACHED = 10_000

const HINT =
  'write a comparison such as tasks.plan.failed == 0, comparisons joined by and / or, or one of the words always and failed'

/** What is known of a condition's expression without evaluating it. */
export interface ConditionAnalysis {
  readonly expression?: Expression
  readonly reads: readonly Read[]
  readonly mistake?: string
}

const analyses = new Map<string, ConditionAnalysis>()

/** The condition a text stands for. Whether an expression is well formed is said by {@link analyseCondition}. */
export function toCondition(text: string): Condition {
  const word = text.trim()
  if (word === 'always' || word === 'failed') return { kind: word }
  return { kind: 'expression', source: text }
}

/** Parses and examines an expression; equal texts once. Never throws. */
export function analyseCondition(source: string): ConditionAnalysis {
  const known = analyses.get(source)
  if (known !== undefined) return known
  const analysis = analyse(source)
  if (analyses.size >= MAX_CACHED) analyses.clear()
  analyses.set(source, analysis)
  return analysis
}

/** Whether an expression holds; `always` does, `failed` is decided by the graph. Throws WorkflowError when it is invalid. */
export function evaluateCondition(condition: Condition, scope: TemplateScope): boolean {
  if (condition.kind !== 'expression') return condition.kind === 'always'
  const { expression, mistake } = analyseCondition(condition.source)
  if (expression === undefined) {
    throw new WorkflowError([{ file: '<condition>', line: 0, column: 0, message: `${condition.source}: ${mistake}` }])
  }
  const context = new Context({ ...scope }, engine.options, { sync: true }, { liquid: engine })
  return toValueSync(expression.evaluate(context, true)) === true
}

/** The tasks whose values a template or condition reads, each once, in order of appearance. */
export function referencedTasks(source: string | Condition): readonly string[] {
  const names = new Set<string>()
  for (const { root, path } of readsFor(source)) {
    const [task] = path
    if (root === 'tasks' && typeof task === 'string') names.add(task)
  }
  return [...names]
}

function readsFor(source: string | Condition): readonly Read[] {
  if (typeof source === 'string') return analyseTemplate(source).reads
  return source.kind === 'expression' ? analyseCondition(source.source).reads : []
}

function analyse(source: string): ConditionAnalysis {
  if (source.length > MAX_LENGTH) return { reads: [], mistake: `is longer than ${MAX_LENGTH} characters` }
  if (source.includes('{{') || source.includes('{%')) {
    return { reads: [], mistake: `is an expression, not a template: leave out {{ }} and {% %}; ${HINT}` }
  }
  try {
    const tokenizer = new Tokenizer(source, engine.options.operators)
    const tokens = [...tokenizer.readExpressionTokens()]
    tokenizer.skipBlank()
    const rest = tokenizer.end() ? '' : tokenizer.remaining()
    const mistake = mistakeIn(tokens, rest)
    if (mistake !== undefined) return { reads: [], mistake }
    const placeOf = placesIn(source)
    const reads = tokens.flatMap((token) => (TypeGuards.isValueToken(token) ? [...readsOfToken(token, placeOf)] : []))
    return { expression: new Expression(tokens), reads }
  } catch (error) {
    return { reads: [], mistake: `cannot be read (${error instanceof Error ? error.message : error}); ${HINT}` }
  }
}

/** Operand, comparison, operand; then `and` or `or` and the same again. */
function mistakeIn(tokens: readonly Token[], rest: string): string | undefined {
  if (rest.startsWith('|')) return `cannot use filters; ${HINT}`
  if (rest !== '') return `cannot be read from '${rest.slice(0, 20)}' on; ${HINT}`
  if (tokens.length === 0) return `is empty; ${HINT}`
  for (let at = 0; at < tokens.length; at += 4) {
    const [left, operator, right, joint] = tokens.slice(at, at + 4)
    if (left === undefined || TypeGuards.isOperatorToken(left)) {
      return `lacks a comparison ${at === 0 ? 'at its beginning' : `after '${tokens[at - 1]?.getText()}'`}; ${HINT}`
    }
    if (operator === undefined || !isOperator(operator, COMPARISONS)) return bareOperand(left)
    if (right === undefined || TypeGuards.isOperatorToken(right))
      return `lacks a value after '${operator.getText()}'; ${HINT}`
    if (TypeGuards.isRangeToken(left) || TypeGuards.isRangeToken(right)) return `cannot compare a range; ${HINT}`
    if (joint === undefined) return undefined
    if (!isOperator(joint, ['and', 'or'])) return `has '${joint.getText()}' where and / or is expected; ${HINT}`
  }
  return `ends with ${tokens.at(-1)?.getText()}; ${HINT}`
}

function isOperator(token: Token, operators: readonly string[]): boolean {
  return TypeGuards.isOperatorToken(token) && operators.includes(token.operator)
}

function bareOperand(operand: Token): string {
  const text = operand.getText()
  return `'${text}' is not compared with anything (in Liquid even 0 and an empty text are true); ${HINT}`
}
