import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dataFolderAt, openDataFolder } from '../../src/host/data-folder.ts'
import { faultyFileSystem } from './faulty-file-system.ts'
import { temporaryFolder } from './temporary-folder.ts'

describe('opening a data folder', () => {
  it('makes it with what belongs into it, for this user alone', async () => {
    const path = join(await temporaryFolder(), 'deep', '.troupe')
    const folder = await openDataFolder(path)
    expect(await readdir(path)).toEqual(['limits', 'runs'])
    const modes = await Promise.all([path, join(path, 'runs'), folder.limitsFolder].map((part) => stat(part)))
    expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o700, 0o700])
    expect([folder.path, folder.limitsFolder, folder.standInFolder]).toEqual([
      path,
      join(path, 'limits'),
      join(path, 'stand-in'),
    ])
  })

  it('leaves one that exists as it is', async () => {
    const path = await temporaryFolder()
    await writeFile(join(path, 'index.json'), '{}')
    await openDataFolder(path)
    await openDataFolder(path)
    expect(await readdir(path)).toEqual(['index.json', 'limits', 'runs'])
  })

  it.each(['file', 'file/below', 'folder/runs'])('refuses %s where a file is in the way', async (name) => {
    const path = await temporaryFolder()
    await writeFile(join(path, 'file'), '')
    await mkdir(join(path, 'folder'))
    await writeFile(join(path, 'folder', 'runs'), '')
    const data = join(path, name.replace('/runs', ''))
    await expect(openDataFolder(data)).rejects.toThrow(
      `Cannot use the data folder in ${data}: something on that path is a file, not a folder. Choose another with --data-dir.`,
    )
  })

  it.each([
    { call: 'write', code: 'ENOSPC', message: 'the disk is full' },
    { call: 'datasync', code: 'EDQUOT', message: 'the disk is full' },
    { call: 'open', code: 'EROFS', message: 'it cannot be written to. Make it writable for this user' },
    { call: 'open', code: 'EACCES', message: 'it cannot be written to' },
    { call: 'sync', code: 'EIO', message: 'the system refused' },
  ] as const)('says what is wrong when $call gives $code', async ({ call, code, message }) => {
    const fs = faultyFileSystem()
    fs.fault = { call, code }
    const path = await temporaryFolder()
    await expect(openDataFolder(path, { fs })).rejects.toThrow(`Cannot use the data folder in ${path}: ${message}`)
    expect(await readdir(path)).toEqual(['limits', 'runs'])
  })
})

describe('probing a data folder', () => {
  it('writes a file and leaves none, or says what the disk says', async () => {
    const fs = faultyFileSystem()
    const path = await temporaryFolder()
    const folder = await openDataFolder(path, { fs })
    const before = await readdir(path)
    await folder.probe()
    fs.fault = { call: 'datasync', code: 'ENOSPC' }
    await expect(folder.probe()).rejects.toThrow(`Cannot write to the data folder in ${path}: the disk is full.`)
    expect(await readdir(path)).toEqual(before)
  })
})

describe('the runs of a data folder', () => {
  it('are those that have a folder, oldest first', async () => {
    const path = await temporaryFolder()
    const folder = await openDataFolder(path)
    expect(await folder.createRun('run_2')).toBe(join(path, 'runs', 'run_2'))
    await folder.createRun('run_1')
    await mkdir(join(path, 'runs', 'other'))
    await writeFile(join(path, 'runs', 'run_3'), '')
    expect(await folder.listRunIds()).toEqual(['run_1', 'run_2'])
    expect(await Promise.all(['run_1', 'run_3', 'run_4', '../x'].map((run) => folder.hasRun(run)))).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  it('are never made twice', async () => {
    const folder = await openDataFolder(await temporaryFolder())
    await folder.createRun('run_1')
    await expect(folder.createRun('run_1')).rejects.toThrow('Cannot make the folder of run_1')
  })

  it('are none in a folder that does not exist, which is not made by asking', async () => {
    const path = join(await temporaryFolder(), 'missing')
    const folder = dataFolderAt(path)
    expect([await folder.listRunIds(), await folder.hasRun('run_1')]).toEqual([[], false])
    await expect(stat(path)).rejects.toThrow('ENOENT')
  })

  it('are removed whole, also when an earlier removal was killed on its way', async () => {
    const path = await temporaryFolder()
    const folder = await openDataFolder(path)
    await writeFile(join(await folder.createRun('run_1'), 'journal.1.ndjson'), 'x')
    await folder.removeRun('run_1')
    expect(await readdir(join(path, 'runs'))).toEqual([])
    await expect(folder.removeRun('run_1')).rejects.toThrow(
      "Run run_1 does not exist. 'troupe runs' lists those that do.",
    )
    await mkdir(join(path, 'runs', '.removed.run_2'))
    expect(await folder.listRunIds()).toEqual([])
    await openDataFolder(path)
    expect(await readdir(join(path, 'runs'))).toEqual([])
  })

  it('are archived whole, and only where there is such a run and room for it', async () => {
    const path = await temporaryFolder()
    const folder = await openDataFolder(path)
    await writeFile(join(await folder.createRun('run_1'), 'journal.1.ndjson'), 'x')
    await folder.archiveRun('run_1')
    expect([await folder.listRunIds(), await readdir(join(path, 'archive', 'run_1'))]).toEqual([
      [],
      ['journal.1.ndjson'],
    ])
    await expect(folder.archiveRun('run_1')).rejects.toThrow('Run run_1 does not exist')
    await folder.createRun('run_1')
    await expect(folder.archiveRun('run_1')).rejects.toThrow('Cannot archive run_1')
    expect(await folder.listRunIds()).toEqual(['run_1'])
  })

  it('are moved durably: the folders are synced behind the renaming', async () => {
    const fs = faultyFileSystem()
    const folder = await openDataFolder(await temporaryFolder(), { fs })
    for (const run of ['run_1', 'run_2']) await folder.createRun(run)
    fs.fault = { call: 'sync', code: 'EIO' }
    await expect(folder.removeRun('run_1')).rejects.toThrow('Cannot remove run_1')
    await expect(folder.archiveRun('run_2')).rejects.toThrow('Cannot archive run_2')
    expect(await folder.listRunIds()).toEqual([])
  })

  it.each(['', '..', 'run_', 'run_a/b', '../run_a', 'run_a\0'])('have no folder for the id %j', async (run) => {
    const folder = dataFolderAt(await temporaryFolder())
    expect(() => folder.runFolder(run)).toThrow('does not exist')
  })
})
