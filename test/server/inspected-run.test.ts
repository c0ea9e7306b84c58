import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createOrchestrator, defineWorkflow, serve } from '../../src/index.ts'
import { createLog } from '../../src/server/log.ts'
import { temporaryFolder } from '../support/control-socket.ts'
import type { Shown } from './inspector-world.ts'

const SECRET = 'xyzzy-4242-do-not-tell'
const WORKFLOW = {
  name: 'told',
  inputs: { token: { type: 'string' as const } },
  manager: { prompt: `Know ${SECRET}`, backend: 'simulated' as const, simulate: { duration: '5ms', result: SECRET } },
  tasks: {
    greet: {
      backend: 'simulated' as const,
      prompt: `Say {{ inputs.token }} and ${SECRET}`,
      simulate: { duration: '5ms', failures: 1, result: SECRET },
      retry: { attempts: 2, delay: '5ms' },
    },
  },
}

describe('a real run that is inspected', () => {
  it('shows each of its actors from beginning to end, and nothing that was said in it', async () => {
    const orchestrator = await createOrchestrator({ dataDir: await temporaryFolder(), env: {} })
    const server = await serve(orchestrator, { port: 0, inspect: true, log: createLog({ level: 'silent' }) })
    onTestFinished(async () => {
      await server.close()
      await orchestrator.close()
    })
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/inspect`, 'troupe.inspect.v1')
    const texts: string[] = []
    socket.on('message', (data) => texts.push(String(data)))
    await once(socket, 'open')
    const run = await orchestrator.start(defineWorkflow(WORKFLOW), { token: SECRET }, {})
    await orchestrator.settled(run)
    socket.close()
    await once(socket, 'close')

    const shown = texts.map((text): Shown => JSON.parse(text))
    const last = new Map<string, string>()
    for (const { type, sessionId, snapshot } of shown) {
      const { value, status } = (snapshot ?? {}) as { value?: unknown; status?: string }
      if (type === '@xstate.snapshot') last.set(sessionId, `${status} ${value}`)
    }
    expect(texts.filter((text) => text.includes(SECRET))).toEqual([])
    expect([...last].sort()).toEqual([
      [`${run}/greet`, 'done completed'],
      [`${run}/manager`, 'done completed'],
      [`${run}/supervisor`, 'done completed'],
    ])
    const known = new Set<string>()
    for (const { type, sessionId } of shown) {
      if (type === '@xstate.actor') known.add(sessionId)
      else expect(known.has(sessionId)).toEqual(true)
    }
  })
})
