import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { journalStamp } from '../../src/cli/journal-stamp.ts'
import { temporaryFolder } from '../support/control-socket.ts'

const RUN = 'run_00000001'

it('a stamp changes with each record of a run that is watched, and with each new run, and else stays', async () => {
  const dataDir = await temporaryFolder()
  const nothing = await journalStamp(dataDir, [RUN])
  const folder = join(dataDir, 'runs', RUN)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'journal.1.ndjson'), 'one\n')
  const begun = await journalStamp(dataDir, [RUN])
  const again = await journalStamp(dataDir, [RUN])
  await appendFile(join(folder, 'journal.1.ndjson'), 'two\n')
  const grown = await journalStamp(dataDir, [RUN])
  await writeFile(join(folder, 'journal.3.ndjson'), '')
  const resumed = await journalStamp(dataDir, [RUN])
  await mkdir(join(dataDir, 'runs', 'run_00000002'))
  const another = await journalStamp(dataDir, [RUN])
  expect(again).toBe(begun)
  expect(new Set([nothing, begun, grown, resumed, another]).size).toBe(5)
})
