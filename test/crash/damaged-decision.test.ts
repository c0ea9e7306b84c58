import { describe, expect, it } from 'vitest'
import { decisionsOf, delegate, FINISH, planned } from '../planning-world.ts'
import { type DiskLife, inLife, type StoppedFolder } from './disk/stopped-folder.ts'
import { doubles } from './disk/what-was-left.ts'

const task = (id: string, ...needs: readonly string[]) => ({ id, prompt: `Do ${id}`, needs })
const PLANNED = planned([delegate(task('a')), delegate(task('b')), FINISH])

/** A run that is killed as soon as an agent of `id` was created; the record of the decision that added `damaged` is damaged. */
async function damagedWhenCreated(id: string, damaged: string): Promise<StoppedFolder> {
  const stopped = await inLife({}, async (life) => {
    await life.open()
    await life.start(PLANNED)
    await life.clock.runUntil(() => Object.keys(life.standIn.creations()).some((key) => key.endsWith(`/${id}/1`)))
    return life.stop()
  })
  const path = [...stopped.files.keys()].find((name) => name.endsWith('journal.1.ndjson')) ?? ''
  const bytes = Buffer.from(stopped.files.get(path) ?? '')
  const place = bytes.indexOf(`"prompt":"Do ${damaged}"`)
  expect(place).toBeGreaterThan(0)
  bytes[place + 1] = (bytes[place + 1] ?? 0) ^ 1
  return { ...stopped, files: new Map(stopped.files).set(path, bytes) }
}

/** How the run ends for a process that goes on from the folder. */
function goOn(stopped: StoppedFolder) {
  return inLife(
    {},
    async (life: DiskLife) => {
      const [run = ''] = await life.open()
      const { status } = await life.settled(run)
      const view = life.orchestrator?.view(run)
      return {
        status,
        doubles: doubles(life),
        tasks: view?.tasks.map(({ task: id, state }) => [id, state]),
        decisions: view === undefined ? [] : decisionsOf(view),
      }
    },
    stopped,
  )
}

describe('a decision whose record is damaged', () => {
  it('is read once more where it was the last: its tasks are carried out once', async () => {
    expect(await goOn(await damagedWhenCreated('a', 'a'))).toEqual({
      status: 'completed',
      doubles: [],
      tasks: [
        ['a', 'completed'],
        ['b', 'completed'],
      ],
      decisions: [
        ['delegate', 'a'],
        ['delegate', 'b'],
        ['finish', 'completed'],
      ],
    })
  })

  it('leaves its tasks, which go on to their end and are shown, and the plan goes on', async () => {
    expect(await goOn(await damagedWhenCreated('b', 'a'))).toEqual({
      status: 'completed',
      doubles: [],
      tasks: [
        ['b', 'completed'],
        ['a', 'completed'],
      ],
      decisions: [
        ['delegate', 'b'],
        ['finish', 'completed'],
      ],
    })
  })
})
