import type { AttemptWork, CollectedWork, FileChange } from '../domain/local-work.ts'
import type { Paint } from './colours.ts'
import { glyphOf, styleOf } from './state-style.ts'
import type { TakeOver } from './take-over.ts'
import { escapeLine } from './terminal-text.ts'

/** Files and refused calls of one attempt that are named. */
const NAMED = 20

/** The public state that an attempt's looks are those of. */
const LIKE: Readonly<Record<AttemptWork['state'], string>> = {
  preparing: 'creating',
  working: 'running',
  interrupted: 'paused',
  complete: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  'not-started': 'cancelled',
}

/** What one attempt did, for a person. Names of files and what agents say come from elsewhere. */
export function attemptLines(attempt: AttemptWork, paint: Paint): readonly string[] {
  const { task, attempt: number, backend, state, reason, branch, worktree, session, turns, continued } = attempt
  const { work, denied, kept, stashed } = attempt
  const like = LIKE[state]
  const head = [
    `${paint(glyphOf(like), styleOf(like))} ${task}${number > 1 ? ` attempt ${number}` : ''}`,
    `${escapeLine(backend)} ${state.replace('-', ' ')}`,
    ...(turns > 1 ? [`${turns} turns`] : []),
    ...(continued > 0 ? [`continued ${continued === 1 ? 'once' : `${continued} times`} after troupe had ended`] : []),
  ]
  return [
    head.join(', '),
    ...labelled('why', reason),
    ...(work === undefined ? labelled('branch', branch) : workLines(work, paint)),
    ...labelled('denied', ...some(denied)),
    ...labelled('stash', stashed && 'it has changed meanwhile, and all worktrees share it: git stash list'),
    ...labelled('tree', worktree),
    ...labelled('kept', ...(kept === undefined ? [] : [`${some(kept.files).join(', ')} in ${kept.folder}`])),
    ...labelled('agent', session && `session ${session}`).map((line) => paint(line, 'dim')),
  ]
}

/** What git knows of an attempt's work. */
export function workLines(work: CollectedWork, paint: Paint): readonly string[] {
  const branch = labelled('branch', work.branch)
  if (work.commit === work.base) return [...branch, ...labelled('did', `nothing that git sees, at ${short(work.base)}`)]
  const { base, commit, commits, fileCount, added, removed, files } = work
  const counts = `${count(commits, 'commit')}, ${count(fileCount, 'file')}, +${added} -${removed}`
  const left = fileCount - Math.min(files.length, NAMED)
  return [
    ...branch,
    ...labelled('did', `${short(base)}..${short(commit)}: ${counts}`),
    ...files.slice(0, NAMED).map((file) => paint(`           ${escapeLine(fileText(file))}`, 'dim')),
    ...(left > 0 ? [`           and ${left} more`] : []),
  ]
}

function fileText({ path, added, removed }: FileChange): string {
  return added === null || removed === null ? `${path} (binary)` : `${path} +${added} -${removed}`
}

/** How the work gets into the user's own branch. */
export function takeOverLines(takeOvers: readonly TakeOver[], paint: Paint): readonly string[] {
  return takeOvers.flatMap(({ repository, branches, gone, trouble }) => {
    const where = escapeLine(repository)
    if (trouble !== undefined) return ['', paint(`${where}: ${escapeLine(trouble)}`, 'yellow')]
    const lost = gone.map((branch) => paint(`${escapeLine(branch)} was removed before it was merged.`, 'yellow'))
    const all = gone.length > 0 ? 'the rest' : 'all of it'
    if (branches.length === 0) return ['', ...lost, `${capital(all)} is in what is checked out in ${where}.`]
    const holds = branches.length === 1 ? `one branch holds ${all}` : `these branches together hold ${all}`
    const merges = branches.map((branch) => `  git merge ${escapeLine(branch)}`)
    return ['', ...lost, `Take it over in ${where}, ${holds}:`, ...merges]
  })
}

function labelled(label: string, ...texts: readonly (string | undefined)[]): readonly string[] {
  const lines = texts.flatMap((text) => (text === undefined ? [] : [escapeLine(text)]))
  return lines.map((line, index) => `    ${(index === 0 ? label : '').padEnd(6)} ${line}`)
}

function some(all: readonly string[]): readonly string[] {
  return all.length <= NAMED ? all : [...all.slice(0, NAMED), `and ${all.length - NAMED} more`]
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function short(commit: string): string {
  return commit.slice(0, 10)
}
