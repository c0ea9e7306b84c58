/** Real agents that are shown images: when these fail, an agent has changed. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { describeWithAgents } from '../support/describe-with-agents.ts'
import { REAL_BACKENDS, realConversation } from '../support/real-conversation.ts'

const never = new AbortController().signal
/** One red dot. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

describeWithAgents('a real agent that is shown images', (agents) => {
  it.each(REAL_BACKENDS)('%s shows them to its model', { timeout: 60_000 }, async (backend) => {
    const folder = await temporaryFolder()
    const images = [1, 2].map((number) => ({ path: join(folder, `image-${number}.png`), type: 'image/png' }))
    for (const { path } of images) await writeFile(path, Buffer.from(PNG, 'base64'))
    const { conversation, model } = await realConversation(agents, backend, { images })
    await conversation.open(never)
    expect(await conversation.turn('Look.\n\n[troupe:run_1/spec/1/1]')).toMatchObject({ kind: 'complete' })
    const asked = await model.until(({ mark, side }) => mark === 'run_1/spec/1/1' && !side)
    expect(asked.images).toBe(2)
  })
})
