import { MANAGER } from '../../../domain/ids.ts'
import type { JsonObject } from '../../../domain/json.ts'

/** What kind of work a prompt asks for, as far as the stand-in's answers differ by it. */
export type RoleKind = 'research' | 'spec' | 'plan' | 'execute' | 'review' | 'manager' | 'other'

/** What an agent says at the end when nothing is scripted. */
export interface RoleAnswer {
  /** Prose, without the report block. */
  readonly text: string
  readonly summary: string
  /** The report's `result`. */
  readonly output: JsonObject
  readonly pullRequests: number
}

const NAMES: readonly (readonly [RegExp, RoleKind])[] = [
  [/manager|orchestrat/i, 'manager'],
  [/review/i, 'review'],
  [/research/i, 'research'],
  [/plan/i, 'plan'],
  [/spec|architect/i, 'spec'],
  [/execut|implement|develop/i, 'execute'],
]

/** The kind of work, by the role of the first line (`#ResearchAgent: ...`), else by the task's name. */
export function roleOf(prompt: string, task: string | undefined): RoleKind {
  if (task === MANAGER) return 'manager'
  const name = /^#([A-Za-z][\w-]*):/.exec(prompt)?.[1] ?? task ?? ''
  return NAMES.find(([pattern]) => pattern.test(name))?.[1] ?? 'other'
}

/** What a prompt is about: its first line without the role, cut. */
export function subjectOf(prompt: string): string {
  const [line = ''] = prompt.slice(0, 1000).split('\n', 1)
  const subject = line.replace(/^#[A-Za-z][\w-]*:\s*/, '').trim()
  return subject.length > 120 ? `${subject.slice(0, 119)}…` : subject
}

/** The answer of a role; `chance` gives the same number for the same word. */
export function answerAs(role: RoleKind, subject: string, chance: (word: string) => number): RoleAnswer {
  return ANSWERS[role](subject, chance)
}

type Answering = (subject: string, chance: (word: string) => number) => RoleAnswer

const ANSWERS: Readonly<Record<RoleKind, Answering>> = {
  research(subject, chance) {
    const requirements = pick(REQUIREMENTS, 3 + Math.floor(chance('requirements') * 2), chance)
    const summary = `${requirements.length} requirements found.`
    return {
      text: `Requirements found for: ${subject}\n\n${list(requirements)}`,
      summary,
      output: { summary, requirements },
      pullRequests: 0,
    }
  },
  spec(subject, chance) {
    const sections = pick(SECTIONS, 3, chance)
    const summary = `Specification of ${sections.length} sections written.`
    return {
      text: `Specification for: ${subject}\n\n${list(sections)}`,
      summary,
      output: { summary, sections },
      pullRequests: 0,
    }
  },
  plan(subject, chance) {
    const tasks = pick(STEPS, 3 + Math.floor(chance('tasks') * 2), chance).map((title) => ({
      title,
      description: `${title}, as the specification says.`,
    }))
    const summary = `${tasks.length} tasks planned.`
    return {
      text: `Plan for: ${subject}\n\n${list(tasks.map((task) => task.title))}`,
      summary,
      output: { tasks },
      pullRequests: 0,
    }
  },
  execute(subject, chance) {
    const files = pick(FILES, 2 + Math.floor(chance('files') * 3), chance)
    const summary = `${files.length} files modified, tests pass.`
    return {
      text: `Done: ${subject}\n\nModified files:\n${list(files)}\n\nAll tests pass. A pull request is open.`,
      summary,
      output: { summary, files_modified: files, pr_created: true, tests_passed: true },
      pullRequests: 1,
    }
  },
  review(subject) {
    const summary = 'The changes do what was asked. Approved.'
    return {
      text: `Reviewed: ${subject}\n\n${summary}`,
      summary,
      output: { summary, approved: true },
      pullRequests: 0,
    }
  },
  manager(subject) {
    const summary = `Noted: ${subject}`
    return { text: summary, summary, output: { summary }, pullRequests: 0 }
  },
  other(subject) {
    const summary = `Done: ${subject}`
    return { text: summary, summary, output: { summary }, pullRequests: 0 }
  },
}

const REQUIREMENTS = [
  'Existing accounts keep working without a migration by hand.',
  'Every answer arrives within 200 ms at the present load.',
  'Errors are shown to people in words they can act on.',
  'The change can be switched off without a deployment.',
  'All access is written to the audit log.',
]
const SECTIONS = ['Data model and migration', 'Interface and errors', 'Security', 'Tests', 'Roll-out']
const STEPS = [
  'Add the data model',
  'Implement the service',
  'Expose the interface',
  'Write the tests',
  'Update the documentation',
]
const FILES = ['src/model.ts', 'src/service.ts', 'src/routes.ts', 'test/service.test.ts', 'docs/guide.md']

/** `n` neighbours of a list, in its order, beginning at a seeded place. */
function pick(items: readonly string[], n: number, chance: (word: string) => number): readonly string[] {
  const first = Math.floor(chance('first') * (items.length - n + 1))
  return items.slice(first, first + n)
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n')
}
