import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDataFolderReader } from '../../src/data-folder-reader.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { allSaying, carriedOut, inHostileWorld, logsSaying, PLACES } from './hostile-world.ts'
import { ALL, EVIL } from './texts.ts'

/** A report of more than a record takes. */
const LONG = `${ALL}\n${'x'.repeat(20_000)}`

/** Every file below a folder, by its path in it. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return files.map((path) => relative(folder, path)).sort()
}

describe('the records of hostile agents', () => {
  it('are one line of JSON each, on the disk as when they are told, and the same for who reads them there', async () => {
    await inHostileWorld({ a: allSaying(LONG), manager: allSaying(ALL) }, async ({ world, network }) => {
      network.always('logs', logsSaying(ALL))
      const run = await carriedOut(world)
      const records = await world.stored(run)
      expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1))
      const text = await readFile(join(world.dataDir, 'runs', run, 'journal.1.ndjson'), 'utf8')
      const lines = text.split('\n').slice(0, -1)
      expect(lines.map((line) => (JSON.parse(line) as RunRecord).seq)).toEqual(records.map(({ seq }) => seq))
      expect(lines.filter((line) => /(?!\t)[\p{Cc}\p{Cs}]/u.test(line.replace(/[\u007f-\u009f]/g, '')))).toEqual([])
      expect(text).toContain(EVIL)
      const [view, result] = [world.orchestrator.view(run), await world.orchestrator.result(run, 'a')]
      world.kill()
      const reader = await openDataFolderReader(world.dataDir)
      const again = await reader.view(run)
      expect([again.tasks, again.reported, again.alerts]).toEqual([view.tasks, view.reported, view.alerts])
      expect(await reader.result(run, 'a')).toEqual(result)
      expect(await reader.records(run, 0, 10_000)).toEqual(records)
    })
  })

  it('name no file but troupe’s own, and what they hold is kept whole', async () => {
    await inHostileWorld({ a: allSaying(LONG) }, async ({ world }) => {
      const run = await carriedOut(world)
      const files = await filesIn(world.dataDir)
      const own = /^(control\.sock|stand-in\/.*|limits\/[\w.-]+\.ndjson|[\w-]+\.(?:json|ndjson)|runs\/[\w./-]+)$/
      expect(files.filter((file) => !own.test(file) || file.includes('..') || file.includes(EVIL))).toEqual([])
      expect(files.filter((file) => file.includes('/results/'))).toEqual([`runs/${run}/results/a/1.1`])
      const { result, output } = await world.orchestrator.result(run, 'a')
      expect([result, (output as { word: string }).word]).toEqual([LONG, LONG])
    })
  })

  it('put nothing into the prototype of what reads them, and every number of a report counts under its own name', async () => {
    await inHostileWorld({ a: allSaying(ALL), read: allSaying(ALL), manager: allSaying(ALL) }, async ({ world }) => {
      const run = await carriedOut(world, PLACES)
      const { reported } = world.orchestrator.view(run)
      const metrics = new Map(Object.entries(reported?.metrics ?? {}))
      expect([metrics.get('__proto__'), metrics.get('constructor')]).toEqual([undefined, 6])
      expect([...metrics.keys()].filter((name) => name.length > 64 || /\p{C}/u.test(name))).toEqual([])
      expect(reported?.files).toEqual([expect.stringMatching(/^EVIL [^\p{C}]*$/u), '../../etc/passwd'])
      expect([({} as { polluted?: number }).polluted, Object.keys(Object.prototype)]).toEqual([undefined, []])
    })
  })
})
