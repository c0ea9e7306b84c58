import { formatKey, MANAGER } from '../../../src/domain/ids.ts'
import type { RunRecord } from '../../../src/domain/record.ts'
import { defineWorkflow } from '../../../src/workflow/define.ts'
import type { DiskLife } from './stopped-folder.ts'

/** A manager, two tasks side by side and one that needs both: every kind of record in few of them. */
export const SMALL = defineWorkflow({
  name: 'small',
  defaults: { repository: 'acme/shop' },
  manager: { prompt: 'Orchestrate', reportEvery: '3s', simulate: { duration: '1s', result: 'Noted.' } },
  tasks: {
    one: { prompt: 'Work', simulate: { duration: '2s', result: 'One.' } },
    two: { prompt: 'Work', simulate: { duration: '4s', result: 'Two.' } },
    both: {
      needs: ['one', 'two'],
      prompt: 'Join {{ tasks.one.result }}',
      simulate: { duration: '2s', result: 'Both.' },
    },
  },
})

const AGENTS = ['one', 'two', 'both', MANAGER]

/** The same without anybody who is told: a run beside another. */
export const OTHER = defineWorkflow({
  name: 'other',
  defaults: { repository: 'acme/shop' },
  tasks: { left: { prompt: 'Work', simulate: { duration: '9s', result: 'Left.' } } },
})

/** What is not as it must be once a run of SMALL has completed. */
export async function wholeRunProblems(life: DiskLife, run: string): Promise<readonly string[]> {
  const { status, exitCode } = await life.settled(run)
  const problems = status === 'completed' && exitCode === 0 ? [] : [`the run is ${status} (${exitCode})`]
  const creations = life.standIn.creations()
  for (const key of AGENTS.map((task) => formatKey({ run, task, attempt: 1 }))) {
    if (creations[key] !== 1) problems.push(`${key} was created ${creations[key] ?? 0} times`)
  }
  if (Object.keys(creations).length > AGENTS.length) problems.push(`created: ${Object.keys(creations).join(' ')}`)
  return [...problems, ...doubledTurns(life), ...(await gaps(life, run))]
}

/** What must hold whatever was damaged: nothing was paid for twice. */
export function doubles(life: DiskLife): readonly string[] {
  const created = Object.entries(life.standIn.creations()).flatMap(([key, count]) =>
    count === 1 && key.endsWith('/1') ? [] : [`${key} was created ${count} times`],
  )
  return [...created, ...doubledTurns(life)]
}

function doubledTurns({ standIn }: DiskLife): readonly string[] {
  return Object.entries(standIn.turns()).flatMap(([key, count]) =>
    count === 1 ? [] : [`${key} was told ${count} times`],
  )
}

async function gaps(life: DiskLife, run: string): Promise<readonly string[]> {
  const records: readonly RunRecord[] = (await life.orchestrator?.records(run, 0, 100_000)) ?? []
  return records.flatMap(({ seq }, at) => (seq === at + 1 ? [] : [`record ${at + 1} has seq ${seq}`]))
}
