import { z } from 'zod'
import type { Path, ProblemList } from './problems.ts'
import { nearest } from './suggestion.ts'

/** What is said of certain mistakes beyond what a schema knows. */
export interface IssueWords {
  /** Of a key that the schema of its mapping does not have. */
  readonly unknownKey?: (schema: z.ZodType, key: string) => string | undefined
  /** Whether what was written at a path must not be repeated: it may be a secret. */
  readonly hidden?: (path: Path) => boolean
}

/** Notes every way in which a value that was written by a person does not fit `schema`. Gives what zod found. */
export function noteIssues(
  schema: z.ZodType,
  value: unknown,
  problems: ProblemList,
  words: IssueWords = {},
): readonly z.core.$ZodIssue[] {
  const issues = schema.safeParse(value).error?.issues ?? []
  for (const issue of issues) noteIssue(issue, { schema, value, problems, words })
  return issues
}

interface Checked {
  readonly schema: z.ZodType
  readonly value: unknown
  readonly problems: ProblemList
  readonly words: IssueWords
}

function noteIssue(issue: z.core.$ZodIssue, { schema, value, problems, words }: Checked): void {
  const path: Path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  if (issue.code === 'unrecognized_keys') {
    const inside = schemaAt(schema, path)
    for (const key of issue.keys) problems.add([...path, key], unknownKey(inside, key, words), 'key')
    return
  }
  if (issue.code === 'invalid_key') {
    problems.add(path, issue.issues[0]?.message ?? 'cannot be used as a name', 'key')
    return
  }
  const said = words.hidden?.(path) === true ? kindOf : nounFor
  const example = issue.code === 'invalid_type' ? exampleOf(schemaAt(schema, path)) : ''
  problems.add(path, `${describe(issue, valueAt(value, path), said)}${example}`)
}

function unknownKey(schema: z.ZodType, key: string, words: IssueWords): string {
  const said = words.unknownKey?.(schema, key)
  if (said !== undefined) return said
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
  const near = nearest(key, known)
  return near === undefined
    ? `is an unknown key; known here: ${known.join(', ')}`
    : `is an unknown key; did you mean '${near}'?`
}

/** How a mapping is written, where its schema says that. */
function exampleOf(schema: z.ZodType): string {
  const examples = schema instanceof z.ZodObject ? schema.meta()?.['examples'] : undefined
  return Array.isArray(examples) ? `; such as ${JSON.stringify(examples[0])}` : ''
}

/** The schema that describes the value at a path. */
function schemaAt(root: z.ZodType, path: Path): z.ZodType {
  let schema: unknown = root
  for (const part of path) {
    schema = core(schema)
    if (schema instanceof z.ZodObject) schema = schema.shape[String(part)]
    else if (schema instanceof z.ZodRecord) schema = schema.valueType
    else if (schema instanceof z.ZodArray) schema = schema.element
  }
  const found = core(schema)
  return found instanceof z.ZodType ? found : root
}

function core(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional) return core(schema.unwrap())
  if (schema instanceof z.ZodUnion) return schema.options.find((option) => core(option) instanceof z.ZodObject)
  return schema
}

function valueAt(value: unknown, path: Path): unknown {
  let inside = value
  for (const part of path) {
    if (typeof inside !== 'object' || inside === null) return undefined
    inside = Reflect.get(inside, part)
  }
  return inside
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
}

function describe(issue: z.core.$ZodIssue, value: unknown, noun: (value: unknown) => string): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return `is missing; it must be ${NOUNS[issue.expected] ?? issue.expected}`
      return `must be ${NOUNS[issue.expected] ?? issue.expected}, not ${noun(value)}${noun === nounFor ? hintFor(issue.expected, value) : ''}`
    case 'invalid_value': {
      const values = issue.values.map(String)
      const near = typeof value === 'string' ? nearest(value, values) : undefined
      const list = `must be one of ${values.join(', ')}${value === undefined ? '' : `, not ${noun(value)}`}`
      return near === undefined ? list : `${list}; did you mean '${near}'?`
    }
    case 'too_small':
      return issue.origin === 'string' ? issue.message : `must be at least ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'array' ? `has more than ${issue.maximum} entries` : `must be at most ${issue.maximum}`
    default:
      return issue.message
  }
}

function hintFor(expected: string, value: unknown): string {
  if (expected === 'array' && typeof value === 'string') return `; write [${value}]`
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return `; put it in quotes or add its unit`
  return ''
}

function nounFor(value: unknown): string {
  if (value === null || typeof value === 'object') return kindOf(value)
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return String(value)
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return NOUNS[typeof value] ?? 'that'
}
