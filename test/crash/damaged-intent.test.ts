import { describe, expect, it } from 'vitest'
import { MANAGER } from '../../src/domain/ids.ts'
import { type DiskLife, inLife, type StoppedFolder } from './disk/stopped-folder.ts'
import { doubles, SMALL } from './disk/what-was-left.ts'

/** A run that is killed as soon as the provider has accepted what is waited for: its intent is the journal's end. */
function stoppedWhen(isThere: (life: DiskLife) => boolean): Promise<StoppedFolder> {
  return inLife({}, async (life) => {
    await life.open()
    await life.start(SMALL)
    await life.clock.runUntil(() => isThere(life))
    return life.stop()
  })
}

const pathOf = ({ files }: StoppedFolder, name: string) => [...files.keys()].find((path) => path.endsWith(name)) ?? ''

function withFlipped(stopped: StoppedFolder, path: string, at: (bytes: Buffer) => number): StoppedFolder {
  const bytes = Buffer.from(stopped.files.get(path) ?? '')
  const place = at(bytes)
  bytes[place] = (bytes[place] ?? 0) ^ 1
  return { ...stopped, files: new Map(stopped.files).set(path, bytes) }
}

/** How the run ends for a process that goes on from the folder. */
function goOn(stopped: StoppedFolder) {
  return inLife(
    {},
    async (life) => {
      const [run = ''] = await life.open()
      const { status } = await life.settled(run)
      return { status, doubles: doubles(life) }
    },
    stopped,
  )
}

const isCreated = ({ standIn }: DiskLife) => Object.keys(standIn.creations()).length > 0
const isTold = ({ standIn }: DiskLife) => Object.keys(standIn.turns()).some((key) => key.endsWith(`/${MANAGER}/1/2`))
const WHOLE = { status: 'completed', doubles: [] }

describe('the last record before a kill', () => {
  it('counts although the newline behind it is damaged: its create was sent', async () => {
    const stopped = await stoppedWhen(isCreated)
    expect(await goOn(withFlipped(stopped, pathOf(stopped, 'journal.1.ndjson'), ({ length }) => length - 1))).toEqual(
      WHOLE,
    )
  })

  it('still counts for whoever comes after a process that was killed at once', async () => {
    const stopped = await stoppedWhen(isCreated)
    const damaged = withFlipped(stopped, pathOf(stopped, 'journal.1.ndjson'), ({ length }) => length - 1)
    const again = await inLife(
      {},
      async (life) => {
        await life.open()
        return life.stop()
      },
      damaged,
    )
    expect(await goOn(again)).toEqual(WHOLE)
  })

  it('is asked for at the backend when it is damaged and may have been a turn of the manager', async () => {
    const stopped = await stoppedWhen(isTold)
    const lastOfManager = (bytes: Buffer) => bytes.lastIndexOf('"to":"running.prompting"') + 8
    expect(await goOn(withFlipped(stopped, pathOf(stopped, 'journal.1.ndjson'), lastOfManager))).toEqual(WHOLE)
  })
})

describe('a definition that was changed on the disk', () => {
  it('is refused: what the tasks are to do is not known any more', async () => {
    const stopped = await stoppedWhen(isCreated)
    const prompt = (bytes: Buffer) => bytes.indexOf('Orchestrate')
    const changed = withFlipped(stopped, pathOf(stopped, 'workflow.json'), prompt)
    const refused = await inLife({}, (life) => life.open().catch((error: unknown) => error), changed)
    expect(refused).toMatchObject({ code: 'data-folder-damaged' })
  })

  it('is good without a checksum, as it was written before there was one', async () => {
    const stopped = await stoppedWhen(isCreated)
    const path = pathOf(stopped, 'workflow.json')
    const { sum: _, ...definition } = JSON.parse(String(stopped.files.get(path))) as Record<string, unknown>
    const old = { ...stopped, files: new Map(stopped.files).set(path, Buffer.from(JSON.stringify(definition))) }
    expect(await goOn(old)).toEqual(WHOLE)
  })
})
