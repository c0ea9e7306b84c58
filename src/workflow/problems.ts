import { type Problem, WorkflowError } from '../domain/errors.ts'

/** Where a value lies in a workflow: keys and indices from the top. */
export type Path = readonly (string | number)[]

/** A place within a text, both counted from 1. */
export interface TextPlace {
  readonly row: number
  readonly column: number
}

/** Which end of an entry a mistake is at, or where in the text that is its value. */
export type Spot = 'key' | 'value' | TextPlace

/** Turns a path into a place in a file; line 0 where there is none. */
export type Locate = (path: Path, spot: Spot) => { readonly line: number; readonly column: number }

/** `tasks.spec.needs[0]`. */
function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}

/** Collects the mistakes of one workflow; they are reported all at once. */
export class ProblemList {
  readonly file: string
  readonly #locate: Locate
  readonly #found: Problem[] = []

  constructor(file: string, locate: Locate) {
    this.file = file
    this.#locate = locate
  }

  /** Notes a mistake; the message begins with the path. */
  add(path: Path, message: string, spot: Spot = 'value'): void {
    const { line, column } = this.#locate(path, spot)
    const place = { line, column }
    const row = typeof spot === 'object' && spot.row > 1 ? ` (line ${spot.row})` : ''
    const where = formatPath(path) + row
    this.#found.push({ file: this.file, ...place, message: where === '' ? message : `${where}: ${message}` })
  }

  /** Takes over a mistake whose place is known already. */
  addFound(problem: Problem): void {
    this.#found.push(problem)
  }

  /** Throws a WorkflowError with every mistake, by position. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new WorkflowError(sortProblems(this.#found))
  }
}

/** By position; the order of discovery where it is the same. */
function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}
