/** What must hold of a run with real agents that was killed again and again. */
import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KEPT } from '../../src/backends/local/attempt-work.ts'
import { openDataFolderReader } from '../../src/data-folder-reader.ts'
import { readJournal } from '../../src/host/journal-reader.ts'
import type { ModelRequest } from '../support/model-server/requests.ts'
import { type CrashSite, userState } from './crash-site.ts'
import { CHECKED, FIRST_FILES, fileOf, LAST, linesOf, RAN, TASKS, type TaskName } from './crash-work.ts'
import { type LocalLife, runsOf } from './live-run.ts'

/** What was found, and what was counted on the way. */
export interface LocalCheck {
  readonly problems: readonly string[]
  /** Attempts in all; six where no agent was killed. */
  readonly attempts: number
  readonly turns: number
  /** How often a turn was gone on with. */
  readonly continued: number
  /** Conversations that an agent had lost and began anew. */
  readonly lostSessions: readonly string[]
  /** Commands that were run once more, since they were interrupted. */
  readonly repeated: number
  readonly commits: number
}

interface Fact {
  readonly fact: string
  readonly turn?: number
  readonly continues?: boolean
  readonly work?: { readonly commit: string; readonly branch: string }
}

interface AttemptFacts {
  readonly task: TaskName
  readonly attempt: number
  readonly facts: readonly Fact[]
  readonly folder: string
}

/** What a run's life began with and left. */
export interface LeftRun {
  readonly site: CrashSite
  readonly life: LocalLife
  readonly requests: readonly ModelRequest[]
  /** The user's own before it began. */
  readonly before: Readonly<Record<string, string>>
}

/** Looks at all that a life left. */
export async function checkRun(left: LeftRun): Promise<LocalCheck> {
  const { site, life } = left
  const problems = [...life.problems]
  if (life.exitCode !== 0) problems.push(`the last process ended with ${life.exitCode}`)
  const runs = await runsOf(site.dataDir)
  const [run] = runs
  if (run === undefined || runs.length > 1) problems.push(`there are ${runs.length} runs`)
  if (run === undefined) return { ...NOTHING, problems }
  const attempts = await attemptsOf(site, run)
  problems.push(
    ...(await runProblems(site, run, life, attempts)),
    ...attempts.flatMap((attempt) => noteProblems(run, attempt, left)),
    ...conversationProblems(left.requests),
    ...finalProblems(site, run, attempts),
    ...attempts.flatMap((attempt) => commitProblems(site, run, attempt, left.requests)),
    ...(await leftoverProblems(left)),
  )
  const ran = await Promise.all(attempts.map(repeatedIn))
  problems.push(...ran.flatMap((one) => one.problems))
  const turns = attempts.flatMap(({ facts }) => facts.filter(({ fact }) => fact === 'turn'))
  return {
    problems,
    attempts: attempts.length,
    turns: turns.filter(({ continues }) => continues === false).length,
    continued: turns.filter(({ continues }) => continues === true).length,
    lostSessions: lostSessions(left.requests),
    repeated: ran.reduce((sum, { repeated }) => sum + repeated, 0),
    commits: attempts.flatMap(({ facts }) => facts.filter(({ fact }) => fact === 'collected')).length,
  }
}

const NOTHING = { attempts: 0, turns: 0, continued: 0, lostSessions: [], repeated: 0, commits: 0 } as const

async function attemptsOf({ dataDir }: CrashSite, run: string): Promise<readonly AttemptFacts[]> {
  const local = join(dataDir, 'runs', run, 'local')
  const names = (await readdir(local).catch(() => [])).filter((name) => /\.\d+$/.test(name))
  return Promise.all(
    names.sort().map(async (name) => {
      const [task = '', attempt = ''] = name.split('.')
      const text = await readFile(join(local, name, 'notes.ndjson'), 'utf8').catch(() => '')
      const facts = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Fact]))
      return { task: task as TaskName, attempt: Number(attempt), facts, folder: join(local, name) }
    }),
  )
}

async function runProblems(
  { dataDir }: CrashSite,
  run: string,
  life: LocalLife,
  attempts: readonly AttemptFacts[],
): Promise<readonly string[]> {
  const problems: string[] = []
  const view = await openDataFolderReader(dataDir).view(run)
  if (view.status !== 'completed') problems.push(`the run is ${view.status}`)
  let seq = 0
  const reading = await readJournal(join(dataDir, 'runs', run), (record) => {
    if (record.seq !== ++seq) problems.push(`record ${seq} on disk has seq ${record.seq}`)
  })
  problems.push(...reading.problems.map(({ segment, line, reason }) => `${segment}:${line}: ${reason}`))
  for (const task of TASKS) {
    const most = life.agentKills.includes(task) ? 2 : 1
    const [known] = view.tasks.filter((one) => one.task === task)
    const noted = attempts.filter((one) => one.task === task).length
    if (known?.state !== 'completed') problems.push(`${task} is ${known?.state}`)
    if (known === undefined || known.attempt > most || noted !== known.attempt)
      problems.push(`${task} had ${known?.attempt} attempts, ${noted} of them noted`)
    const failed = known?.failure
    if (failed !== undefined && most === 1) problems.push(`${task} failed: ${failed.message}`)
  }
  return problems
}

/** Each turn begins once; whatever follows goes on with it. */
function noteProblems(run: string, { task, attempt, facts }: AttemptFacts, { life }: LeftRun): readonly string[] {
  const name = `${task}.${attempt}`
  const problems: string[] = []
  const begun = facts.filter(({ fact, continues }) => fact === 'turn' && continues === false)
  const wasKilled = attempt === 1 && life.agentKills.includes(task)
  const expected = task === CHECKED ? '1,2' : '1'
  const turns = begun.map(({ turn }) => turn).join()
  const isPart = wasKilled && (turns === '' || expected.startsWith(turns))
  if (turns !== expected && !isPart) problems.push(`${run}: ${name} began the turns ${turns}, not ${expected}`)
  if (facts[0]?.fact !== 'ordered') problems.push(`${name} begins with ${facts[0]?.fact}`)
  const first = facts.findIndex(({ fact }) => fact === 'turn')
  const orderedLate = facts.slice(first + 1).some(({ fact }) => fact === 'ordered')
  if (first >= 0 && orderedLate) problems.push(`${name} was ordered again after its first turn`)
  const ends = facts.filter(({ fact }) => fact === 'ended').map(({ turn }) => turn)
  if (new Set(ends).size !== ends.length) problems.push(`${name} noted the ends of ${ends.join()}`)
  return problems
}

/** What codex asks its model for itself when a turn is over: what its user might say next. */
const ASIDE = /^This is an app-generated request/
const CONTINUED = /You were interrupted in the middle|An agent before you was interrupted/

/** What is the first word to an agent of a turn is said once; what was answered stays answered. */
function conversationProblems(requests: readonly ModelRequest[]): readonly string[] {
  const problems: string[] = []
  for (const [mark, asked] of byMark(requests)) {
    const begun = asked.filter(({ told, results }) => told.length === 1 && results.length === 0 && !isContinued(told))
    if (begun.length > 1) problems.push(`${mark} was begun ${begun.length} times`)
    // Where nobody noted the end before a kill, the same conversation is asked once more, and ends at once.
    const ends = asked.filter(({ outcome }) => outcome === 'ended').map(({ told }) => told.length)
    if (new Set(ends).size < ends.length)
      problems.push(`${mark} was brought to its end ${ends.length} times by the model`)
  }
  return problems
}

function isContinued([first = '']: readonly string[]): boolean {
  return CONTINUED.test(first)
}

function byMark(requests: readonly ModelRequest[]): ReadonlyMap<string, readonly ModelRequest[]> {
  const groups = new Map<string, ModelRequest[]>()
  for (const request of requests) {
    const isAside = request.side || request.told.some((text) => ASIDE.test(text))
    if (!isAside) groups.set(request.mark, [...(groups.get(request.mark) ?? []), request])
  }
  return groups
}

/** Turns whose conversation had begun, and whose continuation then knows nothing of it: the session was lost. */
function lostSessions(requests: readonly ModelRequest[]): readonly string[] {
  const lost: string[] = []
  for (const [mark, asked] of byMark(requests)) {
    const anew = ({ told, results }: ModelRequest, at: number) =>
      at > 0 && told.length === 1 && results.length === 0 && isContinued(told)
    const name = mark.replace(/^run_\w+\//, '')
    for (const [at, request] of asked.entries()) {
      const known = Math.max(0, ...asked.slice(0, at).map(({ results }) => results.length))
      if (anew(request, at)) lost.push(`${name} after ${known} results`)
    }
  }
  return lost
}

/** The last task's branch holds everybody's lines, each once, and nothing else. */
function finalProblems(site: CrashSite, run: string, attempts: readonly AttemptFacts[]): readonly string[] {
  const branch = finalBranch(run, attempts)
  const expected = {
    ...FIRST_FILES,
    ...Object.fromEntries(
      TASKS.map((task) => [
        fileOf(task),
        linesOf(task)
          .map((line) => `${line}\n`)
          .join(''),
      ]),
    ),
  }
  const found: Record<string, string> = {}
  try {
    for (const path of site.git('ls-tree', '-r', '--name-only', branch).split('\n'))
      found[path] = `${site.git('show', `${branch}:${path}`)}\n`
  } catch (error) {
    return [`${branch} cannot be read: ${String(error)}`]
  }
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])]
  return names
    .filter((name) => expected[name as keyof typeof expected]?.trimEnd() !== found[name]?.trimEnd())
    .map((name) => `${name} in ${branch} is ${JSON.stringify(found[name])}`)
}

function finalBranch(run: string, attempts: readonly AttemptFacts[]): string {
  const last = Math.max(1, ...attempts.filter(({ task }) => task === LAST).map(({ attempt }) => attempt))
  return `troupe/${run}/${LAST}/${last}`
}

/** Every commit that was collected is in the attempt's branch or in the last task's, and so is every line that an agent was told is there. */
function commitProblems(
  { git }: CrashSite,
  run: string,
  { task, attempt, facts }: AttemptFacts,
  requests: readonly ModelRequest[],
): readonly string[] {
  const branch = `troupe/${run}/${task}/${attempt}`
  const problems: string[] = []
  const holds = (commit: string, name: string) => {
    try {
      git('merge-base', '--is-ancestor', commit, name)
      return true
    } catch {
      return false
    }
  }
  for (const { work } of facts) {
    if (work !== undefined && !holds(work.commit, branch) && !holds(work.commit, `troupe/${run}/${LAST}/1`))
      problems.push(`${work.commit}, collected of ${task}.${attempt}, is in no branch`)
  }
  const own = requests.filter(({ mark }) => mark.startsWith(`${run}/${task}/${attempt}/`))
  const done = new Set(own.flatMap(({ results }) => results.flatMap(({ text }) => didIn(text))))
  let there = ''
  try {
    there = git('show', `${branch}:${fileOf(task)}`)
  } catch {
    // Nothing is there.
  }
  const lost = [...done].filter((line) => !there.split('\n').includes(line))
  if (lost.length > 0) problems.push(`${branch} lacks what was done: ${lost.join()}`)
  return problems
}

function didIn(text: string): readonly string[] {
  return [...text.matchAll(/did <([^>]+)>/g)].map((match) => match[1] ?? '')
}

/** Commands that were run more often than once; not more often than their attempt was interrupted. */
async function repeatedIn({ task, attempt, facts, folder }: AttemptFacts) {
  const ran = await readFile(join(folder, KEPT, RAN), 'utf8').catch(() => '')
  const lines = ran.split('\n').filter((line) => line !== '')
  const continued = facts.filter(({ continues }) => continues === true).length
  const counts = new Map<string, number>()
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1)
  const problems = [...counts]
    .filter(([, count]) => count > 1 + continued)
    .map(([line, count]) => `${task}.${attempt} did '${line}' ${count} times and was interrupted ${continued} times`)
  const ended = facts.some(({ fact }) => fact === 'ended')
  if (lines.length === 0 && ended) problems.push(`the ignored file of ${task}.${attempt} was not kept`)
  return { problems, repeated: lines.length - counts.size }
}

/** The user's own is as it was; nothing of troupe's is registered or locked. */
async function leftoverProblems({ site, before }: LeftRun): Promise<readonly string[]> {
  const problems: string[] = []
  const after = await userState(site)
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (before[name] !== after[name])
      problems.push(`the user's ${name} was ${JSON.stringify(before[name])}, is ${JSON.stringify(after[name])}`)
  const trees = site.git('worktree', 'list', '--porcelain').split('\n')
  const registered = trees.filter((line) => line.startsWith('worktree ') && line !== `worktree ${site.repository}`)
  problems.push(...registered.map((line) => `still registered: ${line}`))
  const own = join(site.repository, '.git')
  const files = await readdir(own, { recursive: true })
  problems.push(...files.filter((file) => file.endsWith('.lock')).map((file) => `a lock was left: .git/${file}`))
  const work = await readdir(site.workDir, { recursive: true }).catch(() => [])
  const left = work.filter((path) => /\/(tree|tree\.\w+)$/.test(path))
  problems.push(...left.map((path) => `a worktree's folder was left: ${path}`))
  const fsck = await fsckOf(site)
  if (fsck !== '') problems.push(`git fsck says: ${fsck}`)
  return problems
}

async function fsckOf({ git, repository }: CrashSite): Promise<string> {
  await access(repository)
  try {
    git('fsck', '--no-progress', '--no-dangling', '--connectivity-only')
    return ''
  } catch (error) {
    return String(error).slice(0, 500)
  }
}
