import { execFileSync } from 'node:child_process'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { imageFileTrouble, toDataUri } from '../../src/backends/image-file.ts'
import { realClock } from '../../src/host/clock.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'

describe('an image', () => {
  it.each([
    ['a.png', 'image/png'],
    ['a.JPG', 'image/jpeg'],
    ['a.webp', 'image/webp'],
  ])('from the file %s is sent as a data URI of its type', async (name, type) => {
    const path = join(await temporaryFolder(), name)
    await writeFile(path, 'pixels')
    expect(await toDataUri(path, realClock)).toBe(`data:${type};base64,cGl4ZWxz`)
    expect(await imageFileTrouble(path, realClock)).toBeUndefined()
  })

  it('that is a data URI already is sent as it is', async () => {
    expect(await toDataUri('data:image/gif;base64,R0lG', realClock)).toBe('data:image/gif;base64,R0lG')
  })

  it.each([
    ['none.png', 'there is no such file'],
    ['notes.txt', 'its type is none of .png .jpg .jpeg .gif .webp .svg'],
    ['folder.png', 'it is no file'],
    ['pipe.png', 'it is no file'],
    ['notes.txt/a.png', 'part of its path is no folder'],
    ['large.png', 'it is larger than 20 MB'],
  ])('that cannot be sent fails with its name and why: %s', async (name, reason) => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'notes.txt'), '')
    await writeFile(join(folder, 'large.png'), '')
    await truncate(join(folder, 'large.png'), 20 * 1024 * 1024 + 1)
    await mkdir(join(folder, 'folder.png'))
    execFileSync('sh', ['-c', 'mkfifo "$0"', join(folder, 'pipe.png')])
    const path = join(folder, name)
    await expect(toDataUri(path, realClock)).rejects.toMatchObject({
      message: `The image '${path}' cannot be sent: ${reason}.`,
      kind: 'invalid',
      certain: true,
      retryable: false,
    })
    expect(await imageFileTrouble(path, realClock)).toBe(reason)
  })
})
