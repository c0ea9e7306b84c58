import { createServer } from 'node:http'
import { realClock } from '../../src/host/clock.ts'
import { type FolderLock, takeFolderLock } from '../../src/host/folder-lock.ts'

/** What a starter process is told, and answers. Run as a child process by folder-lock.test.ts. */
export type StarterRequest = { readonly take: string } | 'check' | 'release'

let lock: FolderLock | undefined

async function answer(request: StarterRequest): Promise<string> {
  if (request === 'check') await lock?.check()
  else if (request === 'release') await lock?.release()
  else lock = await takeFolderLock({ folder: request.take, server: createServer((_, r) => r.end()), clock: realClock })
  return 'ok'
}

process.on('message', (request: StarterRequest) => {
  answer(request).then(
    (done) => process.send?.(done),
    (error: unknown) => process.send?.(error instanceof Error && 'code' in error ? error.code : String(error)),
  )
})
process.send?.('ready')
