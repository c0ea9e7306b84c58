import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type ParsedNode,
  Parser,
} from 'yaml'
import { type Problem, WorkflowError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { createPlaces, type Places } from './places.ts'
import type { Locate } from './problems.ts'
import { createLocator } from './source-position.ts'
import { readNode } from './source-value.ts'

/** A workflow file may have this many bytes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024

const MAX_STACK = 200
const MAX_SYNTAX_PROBLEMS = 50

/** A parsed file: its value, where each part of it lies, and mistakes that do not hide others. */
export interface Source {
  readonly value: Json
  readonly problems: readonly Problem[]
  readonly locate: Locate
}

/** What a file is, for the mistakes that are said of it. */
export interface SourceWords {
  /** `a workflow file` */
  readonly file: string
  /** What a file without the right form is told: `a workflow is a mapping with name and tasks`. */
  readonly form: string
  /** What an empty file is told; absent where it may be empty and counts as an empty mapping. */
  readonly empty?: string
  /** It may be a list, too. */
  readonly mayBeList?: boolean
}

const WORKFLOW: SourceWords = {
  file: 'a workflow file',
  form: 'a workflow is a mapping with name and tasks',
  empty: 'a workflow has a name and tasks',
}

/**
 * Reads YAML or JSON with positions. Throws WorkflowError when the text cannot be understood at all: too large, a syntax
 * error, several documents, nested too deeply, aliases that grow without bound.
 */
export function readSource(
  source: { readonly file: string; readonly text: string },
  words: SourceWords = WORKFLOW,
): Source {
  const { file } = source
  const bytes = Buffer.byteLength(source.text)
  if (bytes > MAX_FILE_BYTES) {
    throw refuse(file, `is ${(bytes / 1024 / 1024).toFixed(1)} MB; ${words.file} may have at most 4 MB`)
  }
  const text = plainIndentation(file, source.text.replace(/^\uFEFF/, ''))
  const place = createPlaces(text)
  const root = parse(file, text, place)
  if (isEmpty(root) && words.empty === undefined) return { value: {}, problems: [], locate: () => place(0) }
  if (!isMap(root) && !(isSeq(root) && words.mayBeList === true))
    throw refuse(file, notAMapping(root, words), place(root?.range?.[0] ?? 0))
  const { value, problems, targets, unbounded } = readNode(root, (offset, message) => ({
    file,
    ...place(offset),
    message,
  }))
  if (unbounded) throw new WorkflowError(problems)
  return { value, problems, locate: createLocator(root, targets, text) }
}

type ParsedDocument = Document.Parsed<ParsedNode, true>

function parse(file: string, text: string, place: Places): ParsedDocument['contents'] | null {
  const composer = new Composer({ uniqueKeys: false, keepSourceTokens: false, prettyErrors: false, stringKeys: false })
  const documents: ParsedDocument[] = []
  // Each syntax error is an Error: with its stack, a file of a million of them takes a quarter of a minute.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    for (const token of tokens(file, text, place)) documents.push(...composer.next(token))
    documents.push(...composer.end(true, text.length))
  } catch (error) {
    if (error instanceof RangeError) throw refuse(file, 'is nested too deeply')
    throw error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  const [document, second] = documents
  if (second !== undefined) throw severalDocuments(file, place(second.range[0]))
  const mistakes = document === undefined ? [] : [...document.errors, ...document.warnings]
  if (mistakes.length > 0) {
    throw new WorkflowError(
      mistakes
        .slice(0, MAX_SYNTAX_PROBLEMS)
        .map(({ pos, message }) => ({ file, ...place(pos[0]), message: `not valid YAML: ${message}` })),
    )
  }
  return document?.contents ?? null
}

/** The parser is driven by hand so that depth and a second document stop it early: it is slow on hostile text. */
function* tokens(file: string, text: string, place: Places): Generator<CST.Token> {
  const parser = new Parser()
  let documents = 0
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      if (token.type === 'document' && ++documents > 1) throw severalDocuments(file, place(token.offset))
      yield token
    }
    if (parser.stack.length > MAX_STACK) throw refuse(file, 'is nested too deeply', place(parser.offset))
  }
  yield* parser.end()
}

/** JSON may be indented with tabs, YAML may not. Offsets stay the same. */
function plainIndentation(file: string, text: string): string {
  if (!file.endsWith('.json') && !/^\s*\{/.test(text)) return text
  return text.replace(/^[ \t]+/gm, (indent) => ' '.repeat(indent.length))
}

function isEmpty(root: Node | Alias | null): boolean {
  return root === null || (isScalar(root) && root.value === null)
}

function notAMapping(root: Node | Alias | null, words: SourceWords): string {
  if (isEmpty(root)) return `is empty; ${words.empty}`
  const what = isSeq(root) ? 'a list' : isAlias(root) ? 'an alias' : 'a single value'
  return `is ${what}; ${words.form}`
}

function severalDocuments(file: string, place: { line: number; column: number }): WorkflowError {
  return refuse(file, 'holds several documents; write one a file, without ---', place)
}

function refuse(file: string, message: string, place = { line: 0, column: 0 }): WorkflowError {
  return new WorkflowError([{ file, ...place, message }])
}
