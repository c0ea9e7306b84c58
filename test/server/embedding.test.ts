import { describe, expect, it, onTestFinished } from 'vitest'
import { createOrchestrator, defineWorkflow, serve } from '../../src/index.ts'
import { createLog } from '../../src/server/log.ts'
import { temporaryFolder } from '../support/control-socket.ts'

const HELLO = {
  name: 'hello',
  tasks: {
    greet: { backend: 'simulated' as const, prompt: 'Say hello', simulate: { duration: '5ms', result: 'Hello.' } },
  },
}

describe('an orchestrator in a program of its own', () => {
  it('is served beside what the program does with it', async () => {
    const orchestrator = await createOrchestrator({ dataDir: await temporaryFolder(), env: {} })
    const server = await serve(orchestrator, { port: 0, log: createLog({ level: 'silent' }) })
    onTestFinished(async () => {
      await server.close()
      await orchestrator.close()
    })
    const read = async (path: string) => (await fetch(`${server.url}/v1/runs/${path}`)).json()
    const mine = await orchestrator.start(defineWorkflow(HELLO), {}, {})
    const posted = await fetch(`${server.url}/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ workflow: HELLO }),
    })
    const { run: theirs } = (await posted.json()) as { run: string }
    expect(await read(`${mine}/outcome`)).toMatchObject({ outcome: { run: mine, status: 'completed', exitCode: 0 } })
    expect((await orchestrator.settled(theirs)).status).toEqual('completed')
    expect(await read(`${theirs}/tasks/greet/result`)).toMatchObject({ result: 'Hello.' })
    expect(orchestrator.runs().map(({ run }) => run)).toEqual([mine, theirs])
  })

  it('goes on when the server is closed, and may be served again', async () => {
    const orchestrator = await createOrchestrator({ dataDir: await temporaryFolder(), env: {} })
    onTestFinished(() => orchestrator.close())
    const options = { port: 0, log: createLog({ level: 'silent' }) }
    await (await serve(orchestrator, options)).close()
    const again = await serve(orchestrator, options)
    onTestFinished(() => again.close())
    const run = await orchestrator.start(defineWorkflow(HELLO), {}, {})
    expect((await orchestrator.settled(run)).status).toEqual('completed')
    expect((await fetch(`${again.url}/v1/runs/${run}`)).status).toEqual(200)
  })
})
