import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { loadWorkflow } from '../../src/workflow/load.ts'
import { type ControlFixture, serveControl } from '../support/control-socket.ts'
import { NOON, record, runView, taskView } from '../support/fake-orchestrator.ts'

const RUN = 'run_1'

interface Answer {
  readonly status: number
  readonly body: unknown
}

function ask({ socketPath }: ControlFixture, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const outgoing = request({ socketPath, method, path, headers, agent: false }, async (incoming) => {
      let text = ''
      for await (const part of incoming) text += String(part)
      resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function withRun() {
  const fixture = await serveControl()
  const spec = taskView({ task: 'spec', state: 'running', commands: ['retry'] })
  const item = taskView({ task: 'execute[0]', state: 'pending' })
  fixture.orchestrator.add(runView({ run: RUN, tasks: [spec, item], commands: ['cancel'] }))
  fixture.orchestrator.append(RUN, 3)
  return { ...fixture, spec, item }
}

describe('the routes of the control socket', () => {
  it('answers /healthz before there is an orchestrator, and everything else once there is', async () => {
    const fixture = await serveControl({ attached: false })
    const waiting = ask(fixture, 'GET', '/v1/runs')
    expect(await ask(fixture, 'GET', '/healthz')).toEqual({ status: 200, body: { status: 'ok', pid: process.pid } })
    fixture.control.attach(fixture.orchestrator, fixture.orchestrator.reader())
    expect(await waiting).toEqual({ status: 200, body: { runs: [] } })
  })

  it('lists runs and shows one, with its tasks by either form of their id', async () => {
    const fixture = await withRun()
    const summary = { run: RUN, name: 'feature', status: 'running', standIn: false, startedAt: NOON }
    expect(await ask(fixture, 'GET', '/v1/runs')).toEqual({ status: 200, body: { runs: [summary] } })
    expect((await ask(fixture, 'GET', `/v1/runs/${RUN}`)).body).toEqual(fixture.orchestrator.view(RUN))
    expect((await ask(fixture, 'GET', `/v1/runs/${RUN}/tasks/spec`)).body).toEqual(fixture.spec)
    expect((await ask(fixture, 'GET', `/v1/runs/${RUN}/tasks/execute.0`)).body).toEqual(fixture.item)
    expect((await ask(fixture, 'GET', `/v1/runs/${RUN}/tasks/execute%5B0%5D`)).body).toEqual(fixture.item)
  })

  it('gives records after a seq, no more than asked for', async () => {
    const fixture = await withRun()
    const { body } = await ask(fixture, 'GET', `/v1/runs/${RUN}/records?after=1&limit=1`)
    expect(body).toEqual({ records: [record(RUN, 2)] })
  })

  it('says how limits and backends stand', async () => {
    const fixture = await withRun()
    fixture.orchestrator.healthy = { writable: true, backends: { codegen: { reachable: 'unknown' } } }
    expect((await ask(fixture, 'GET', '/v1/backends')).body).toEqual({
      limits: { codegen: { create: { used: 3 } } },
      backends: { codegen: { reachable: 'unknown' } },
    })
  })

  it('answers the outcome with the view it is about, once the run has settled', async () => {
    const fixture = await withRun()
    const answer = ask(fixture, 'GET', `/v1/runs/${RUN}/outcome`)
    fixture.orchestrator.settle(RUN, { status: 'completed', exitCode: 0 })
    expect(await answer).toEqual({
      status: 200,
      body: { outcome: { run: RUN, status: 'completed', exitCode: 0 }, view: fixture.orchestrator.view(RUN) },
    })
  })

  it('carries commands out and answers with the record they caused', async () => {
    const fixture = await withRun()
    expect(await ask(fixture, 'POST', `/v1/runs/${RUN}/commands`, '{"type":"cancel"}')).toEqual({
      status: 200,
      body: { run: RUN, seq: 4, state: 'running' },
    })
    expect(await ask(fixture, 'POST', `/v1/runs/${RUN}/tasks/spec/commands`, '{"type":"retry"}')).toEqual({
      status: 200,
      body: { run: RUN, task: 'spec', seq: 5, state: 'running' },
    })
    expect(fixture.orchestrator.calls).toEqual([
      ['command', RUN, { type: 'cancel' }, { via: 'control' }],
      ['commandTask', RUN, 'spec', { type: 'retry' }, { via: 'control' }],
    ])
  })

  it('begins a run of a workflow that whoever owns the folder has checked already', async () => {
    const fixture = await withRun()
    const resolved = loadWorkflow({ file: 'a.yaml', text: 'name: a\ntasks: { b: { backend: simulated, prompt: c } }' })
    const body = JSON.stringify({ resolved, inputs: { any: 1 }, settings: { seed: 7 } })
    expect(await ask(fixture, 'POST', '/v1/runs', body)).toEqual({ status: 201, body: { run: 'run_00000001' } })
    expect(fixture.orchestrator.calls).toEqual([['start', 'a', { any: 1 }, { seed: 7 }]])
    expect(fixture.control.admission.carried()).toEqual(['run_00000001'])
  })

  it.each([
    ['GET', '/v1/runs/run_none', undefined, 404, 'not-found'],
    ['GET', '/v1/nothing', undefined, 404, 'not-found'],
    ['GET', `/v1/runs/${RUN}/tasks/none`, undefined, 404, 'not-found'],
    ['GET', `/v1/runs/${RUN}/tasks/..%2F..%2Fetc`, undefined, 404, 'not-found'],
    ['GET', `/v1/runs/${RUN}/records?after=-1`, undefined, 400, 'usage'],
    ['POST', `/v1/runs/${RUN}/commands`, '{"type":"continue"}', 409, 'command-refused'],
    ['POST', `/v1/runs/${RUN}/commands`, '{"type":"explode"}', 400, 'usage'],
    ['POST', `/v1/runs/${RUN}/commands`, 'no json', 400, 'usage'],
    ['POST', '/v1/runs', '{"workflow":{}}', 422, 'workflow-invalid'],
    ['POST', '/v1/runs', '{"resolved":{},"inputs":{},"settings":{}}', 400, 'usage'],
    ['POST', '/v1/runs', `"${'x'.repeat(8 * 1024 * 1024)}"`, 413, 'too-large'],
  ])('%s %s is refused with a code (%#)', async (method, path, body, status, code) => {
    const fixture = await withRun()
    const answer = await ask(fixture, method, path, body)
    expect([answer.status, answer.body]).toEqual([
      status,
      { code, message: expect.any(String), details: expect.any(Object) },
    ])
  })

  it('sends who waits for an outcome away when it is about to end, and begins nothing more', async () => {
    const fixture = await withRun()
    const waiting = ask(fixture, 'GET', `/v1/runs/${RUN}/outcome`)
    await ask(fixture, 'GET', '/healthz')
    fixture.control.refuse()
    const stopping = { code: 'stopping', message: 'The process that holds the data folder is ending.', details: {} }
    expect(await waiting).toEqual({ status: 503, body: stopping })
    expect(await ask(fixture, 'POST', '/v1/runs/resume', '{}')).toEqual({ status: 503, body: stopping })
    expect(fixture.orchestrator.calls).toEqual([])
  })
})
