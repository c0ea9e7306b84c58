/** What must hold of a run that was killed again and again, however that went. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDataFolderReader } from '../../src/data-folder-reader.ts'
import { MANAGER } from '../../src/domain/ids.ts'
import { publicRecord, type RunRecord } from '../../src/domain/record.ts'
import { readJournal } from '../../src/host/journal-reader.ts'
import type { CrashLife } from './crash-run.ts'
import { type CrashWorkflow, workflowNamed } from './crash-workflows.ts'
import type { Schedule } from './schedule.ts'

/** What was found. */
export interface LifeCheck {
  readonly isComplete: boolean
  /** Agents of the workflow that were never created. */
  readonly lost: number
  readonly doubledCreations: number
  readonly doubledTurns: number
  /** Everything that is not as it must be, in words. */
  readonly problems: readonly string[]
}

/** Looks at all that a life left. */
export async function checkLife(life: CrashLife, schedule: Schedule): Promise<LifeCheck> {
  const workflow = workflowNamed(schedule.workflow)
  const problems: string[] = []
  const { dataDir, creations, turns, exitCode } = life
  if (exitCode !== 0) problems.push(`the last process ended with ${exitCode ?? 'SIGKILL: it hung'}`)
  const reader = openDataFolderReader(dataDir)
  const runs = (await reader.runs()).map(({ run }) => run)
  const [run, ...more] = runs
  if (run === undefined)
    return {
      isComplete: false,
      lost: 0,
      doubledCreations: 0,
      doubledTurns: 0,
      problems: [...problems, 'there is no run'],
    }
  if (more.length > 0) problems.push(`there are ${runs.length} runs`)
  const view = await reader.view(run)
  if (view.status !== 'completed') problems.push(`the run is ${view.status}`)
  problems.push(...(await recordProblems(life, run, workflow)))
  for (const [task, expected] of Object.entries(workflow.results)) {
    const found = await reader.result(run, task).catch((error: unknown) => ({ result: String(error) }))
    if (found.result !== expected)
      problems.push(`the result of ${task} is ${found.result.length} long, not as it was said`)
  }
  const keys = workflow.agents.map((agent) => `${run}/${agent}/1`)
  const lost = keys.filter((key) => creations[key] === undefined)
  const doubledCreations = doubled(creations)
  const doubledTurns = doubled(turns)
  problems.push(
    ...lost.map((key) => `${key} was never created`),
    ...doubledCreations.map((key) => `${key} was created ${creations[key]} times`),
    ...doubledTurns.map((key) => `${key} was told ${turns[key]} times`),
    ...Object.keys(creations)
      .filter((key) => !keys.includes(key))
      .map((key) => `${key} is nobody's`),
    ...turnProblems(workflow, run, turns),
  )
  return {
    isComplete: view.status === 'completed',
    lost: lost.length,
    doubledCreations: doubledCreations.length,
    doubledTurns: doubledTurns.length,
    problems,
  }
}

function doubled(counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.keys(counts).filter((key) => counts[key] !== 1)
}

/** Each agent has its first turn; the manager's are counted without a gap. */
function turnProblems({ agents }: CrashWorkflow, run: string, turns: CrashLife['turns']): readonly string[] {
  return agents.flatMap((agent) => {
    const numbers = Object.keys(turns)
      .filter((key) => key.startsWith(`${run}/${agent}/1/`))
      .map((key) => Number(key.split('/').at(-1)))
      .sort((a, b) => a - b)
    const isWhole = agent === MANAGER ? numbers.every((turn, at) => turn === at + 1) : numbers.join() === '1'
    return isWhole ? [] : [`${agent} had the turns ${numbers.join()}`]
  })
}

/** Gap-free on disk, nothing damaged; each record was printed at most once, and none that is not on disk. */
async function recordProblems(
  { dataDir, outputs }: CrashLife,
  run: string,
  { decisions }: CrashWorkflow,
): Promise<readonly string[]> {
  const records: RunRecord[] = []
  const reading = await readJournal(join(dataDir, 'runs', run), (record) => records.push(publicRecord(record)))
  const problems = reading.problems.map(({ segment, line, reason }) => `${segment}:${line}: ${reason}`)
  records.forEach(({ seq }, at) => {
    if (seq !== at + 1) problems.push(`record ${at + 1} on disk has seq ${seq}`)
  })
  const taken = records.flatMap(({ data }) => (data?.['decision'] as { kind?: string } | undefined)?.kind ?? [])
  if (taken.join() !== (decisions ?? []).join()) problems.push(`it was decided to ${taken.join()}`)
  const stored = records.map((record) => JSON.stringify(record))
  const printed = outputs.flatMap((output) => output.split('\n').filter((line) => line.startsWith('{"seq":')))
  let last = 0
  for (const line of printed) {
    // A process that was killed may have printed a part of its last line.
    const seq = seqOf(line)
    if (seq === undefined) continue
    if (seq <= last) problems.push(`record ${seq} was printed after record ${last}`)
    if (stored[seq - 1] !== line) problems.push(`record ${seq} was printed but is not on disk like that: ${line}`)
    last = seq
  }
  return problems
}

function seqOf(line: string): number | undefined {
  try {
    return (JSON.parse(line) as RunRecord).seq
  } catch {
    return undefined
  }
}

/** What the processes of a life said, for a person who looks into a failure. */
export async function transcriptOf(life: CrashLife): Promise<string> {
  const standIn = await readFile(join(life.dataDir, '..', 'provider', 'stand-in', 'runs.ndjson'), 'utf8').catch(
    () => '',
  )
  const parts = life.words.map((words, at) => `-- process ${at + 1}\n${words}${life.outputs[at]?.slice(-1_500) ?? ''}`)
  return [...parts, `-- the stand-in accepted ${standIn.split('\n').length - 1} requests`].join('\n')
}
