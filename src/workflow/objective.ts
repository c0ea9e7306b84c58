import { UsageError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Workflow } from '../domain/workflow.ts'
import { defineWorkflow } from './define.ts'
import { isPlainObject } from './json-value.ts'
import { ProblemList } from './problems.ts'
import { DEFAULT_ROLE_LINE } from './role.ts'
import { readSource } from './source.ts'

const MAX_OBJECTIVE = 200_000
const LONGEST_NAME = 80
const LONGEST_ROLE = 200
const REPOSITORY = /^\S{1,200}$/

/** What is to be achieved, and with whom. */
export interface Objective {
  readonly objective: string
  /** First words of the prompt by role; the manager may give out these. Without them it invents roles. */
  readonly roles?: Readonly<Record<string, string>>
  /** Where the agents work: `owner/name`, or an id. */
  readonly repository?: string
}

/**
 * The workflow of an objective for which a manager plans, and its inputs: the person's text is an input, so nothing in it is ever a
 * template. Throws UsageError.
 */
export function objectiveWorkflow(given: Objective): { readonly workflow: Workflow; readonly inputs: JsonObject } {
  const { roles, repository } = given
  const objective = given.objective.trim()
  if (objective === '') throw new UsageError('The objective is empty: say what is to be achieved.')
  if (objective.length > MAX_OBJECTIVE) {
    throw new UsageError(`The objective has ${objective.length} characters; it may have ${MAX_OBJECTIVE}.`)
  }
  if (repository !== undefined && !REPOSITORY.test(repository)) {
    throw new UsageError(`--repository ${repository}: write owner/name, or the id of a repository.`)
  }
  const workflow = defineWorkflow({
    name: nameOf(objective),
    inputs: { objective: { type: 'string', required: true, description: 'What is to be achieved' } },
    ...(repository === undefined ? {} : { defaults: { repository } }),
    ...(roles === undefined ? {} : { roles: { ...roles } }),
    manager: { plan: true, objective: '{{ inputs.objective }}' },
  })
  return { workflow, inputs: { objective } }
}

/** The first line, cut between words. */
function nameOf(objective: string): string {
  const [first = ''] = objective.split(/[\r\n\u2028\u2029]/, 1)
  const line = [
    ...first
      .replace(/\p{Cc}+/gu, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  ]
  if (line.length === 0) return 'objective'
  if (line.length <= LONGEST_NAME) return line.join('')
  const cut = line.slice(0, LONGEST_NAME - 1).join('')
  return `${cut.replace(/\s\S*$/, '').trimEnd() || cut}…`
}

const WORDS = {
  file: 'a file of roles',
  form: 'write role: first words of its prompt, a line each, or a list of names',
  empty: 'write role: first words of its prompt, a line each, or a list of names',
  mayBeList: true,
}

/** The roles of a file: first words of the prompt by name, or a list of names. Throws WorkflowError with every mistake and its place. */
export function readRoles(source: { readonly file: string; readonly text: string }): Readonly<Record<string, string>> {
  const { value, problems: found, locate } = readSource(source, WORDS)
  const problems = new ProblemList(source.file, locate)
  for (const problem of found) problems.addFound(problem)
  const roles = new Map<string, string>()
  if (Array.isArray(value)) for (const [at, name] of value.entries()) noteName(roles, name, at, problems)
  else if (isPlainObject(value)) {
    for (const [name, words] of Object.entries(value)) noteRole(roles, name, words, problems)
  }
  problems.throwIfAny()
  if (roles.size === 0) problems.add([], 'names no role; leave --roles out where the manager may invent them')
  problems.throwIfAny()
  return Object.fromEntries(roles)
}

function noteName(roles: Map<string, string>, name: unknown, at: number, problems: ProblemList): void {
  if (typeof name !== 'string') problems.add([at], 'must be the name of a role, such as Tester')
  else if (roles.has(name)) problems.add([at], `'${name}' is named twice`)
  else if (isName(name)) roles.set(name, DEFAULT_ROLE_LINE)
  else problems.add([at], wrongName())
}

function noteRole(roles: Map<string, string>, name: string, words: unknown, problems: ProblemList): void {
  if (!isName(name)) problems.add([name], wrongName(), 'key')
  else if (typeof words !== 'string' || words.trim() === '') {
    problems.add([name], 'must be the first words of its prompt, such as "You are the tester. "')
  } else roles.set(name, words)
}

const isName = (name: string) =>
  name.trim() === name && name !== '' && name.length <= LONGEST_ROLE && !/\p{Cc}/u.test(name)
const wrongName = () => `is no name of a role: write one line of 1 to ${LONGEST_ROLE} characters`
