import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createStandIn } from '../src/backends/codegen/stand-in/stand-in.ts'
import { createVirtualClock } from '../src/host/virtual-clock.ts'
import { createLocalOrchestrator } from '../src/orchestrator.ts'
import { defineWorkflow } from '../src/workflow/define.ts'

const work = defineWorkflow({
  name: 'work',
  defaults: { backend: 'codegen', timeout: '5m', retry: { attempts: 3 } },
  tasks: { work: { prompt: 'Work', simulate: { duration: '1m' } } },
})

/** An orchestrator at a provider whose agent runs all have the status that `status` says. */
async function withStatus(status: string | null) {
  const clock = createVirtualClock()
  const standIn = createStandIn({ clock })
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-status-'))
  const orchestrator = await createLocalOrchestrator({
    dataDir,
    clock,
    environment: { baseUrl: 'http://codegen.invalid', token: 'token' },
    async fetch(input, init) {
      const answer = await standIn.fetch(input, init)
      const body = await answer.text()
      const shown = /\/agent\/runs?\b/.test(String(input instanceof Request ? input.url : input))
      return new Response(shown ? body.replaceAll(/"status":"[^"]*"/g, `"status":${JSON.stringify(status)}`) : body, {
        status: answer.status,
        headers: answer.headers,
      })
    },
  })
  onTestFinished(async () => {
    await orchestrator.close()
    await standIn.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  return { clock, standIn, orchestrator }
}

it.each(['WEIRD', 'half done', null])(
  'an agent run whose status stays %s is watched until its deadline, then put before a person, and never paid for twice',
  async (status) => {
    const { clock, standIn, orchestrator } = await withStatus(status)
    const run = await orchestrator.start(work, {}, {})
    const taskAt = async (ms: number) => {
      await clock.advance(ms)
      const [task] = orchestrator.view(run).tasks
      return [task?.state, task?.attempt]
    }
    expect([await taskAt(4 * 60_000), await taskAt(2 * 60_000), await taskAt(10 * 60_000)]).toEqual([
      ['running', 1],
      ['escalated.overdue', 1],
      ['escalated.overdue', 1],
    ])
    expect(Object.values(standIn.creations())).toEqual([1])
  },
)
