import { describe, expect, it } from 'vitest'
import { ENDED, outcomeOf, RUN, serveApi } from '../support/api-fixture.ts'
import { runView } from '../support/fake-orchestrator.ts'

function withRuns() {
  const api = serveApi()
  for (const [run, name, status] of [
    ['run_2', 'feature', 'paused'],
    ['run_3', 'other', 'running'],
    ['run_4', 'feature', 'failed'],
  ] as const) {
    api.orchestrator.add(runView({ run, name, status }))
  }
  const list = async (query: string) => {
    const { body } = await api.ask('GET', `/v1/runs${query}`)
    const { runs, ...rest } = body as { runs: readonly { run: string }[] }
    return [runs.map(({ run }) => run), rest]
  }
  return { ...api, list }
}

describe('the list of runs', () => {
  it.each([
    ['', ['run_0', 'run_1', 'run_2', 'run_3', 'run_4'], {}],
    ['?order=newest', ['run_4', 'run_3', 'run_2', 'run_1', 'run_0'], {}],
    ['?status=running', ['run_1', 'run_3'], {}],
    ['?status=paused,failed', ['run_2', 'run_4'], {}],
    ['?name=feature&status=failed', ['run_4'], {}],
    ['?limit=2', ['run_0', 'run_1'], { more: true }],
    ['?limit=2&after=run_1', ['run_2', 'run_3'], { more: true }],
    ['?limit=2&after=run_3', ['run_4'], {}],
    ['?order=newest&limit=2', ['run_4', 'run_3'], { more: true }],
    ['?order=newest&limit=2&before=run_3', ['run_2', 'run_1'], { more: true }],
    ['?limit=5', ['run_0', 'run_1', 'run_2', 'run_3', 'run_4'], {}],
    ['?limit=999999', ['run_0', 'run_1', 'run_2', 'run_3', 'run_4'], {}],
  ])('of %j is %j', async (query, runs, rest) => {
    expect(await withRuns().list(query)).toEqual([runs, rest])
  })

  it.each([
    '?limit=0',
    '?limit=-1',
    '?limit=1e3',
    '?limit=0x10',
    '?limit=',
    '?limit=1&limit=2',
    '?status=done',
    '?order=up',
    '?stauts=running',
    '?__proto__=x',
  ])('is refused for %s', async (query) => {
    expect(outcomeOf(await withRuns().ask('GET', `/v1/runs${query}`))).toEqual([400, 'usage'])
  })
})

describe('a run', () => {
  it('is not sent again to who has it, and is as soon as anything of it changed', async () => {
    const { ask, orchestrator } = serveApi()
    for (const path of [`/v1/runs/${RUN}`, `/v1/runs/${RUN}/tasks`, `/v1/runs/${RUN}/tasks/spec`]) {
      const tag = (await ask('GET', path)).headers.get('etag') ?? ''
      const same = await ask('GET', path, { headers: { 'if-none-match': `"other", W/${tag}` } })
      expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, '', tag])
      const [first, ...rest] = orchestrator.view(RUN).tasks
      if (first) orchestrator.change(RUN, { tasks: [{ ...first, why: `${path} changed` }, ...rest] })
      const changed = await ask('GET', path, { headers: { 'if-none-match': tag } })
      expect([changed.status, changed.headers.get('etag') === tag]).toEqual([200, false])
    }
  })

  it('lists its tasks, all or those in some states, with the seq that they are of', async () => {
    const { ask, orchestrator } = serveApi()
    const { tasks } = orchestrator.view(RUN)
    expect((await ask('GET', `/v1/runs/${RUN}/tasks`)).body).toEqual({ run: RUN, seq: 3, tasks })
    const running = await ask('GET', `/v1/runs/${RUN}/tasks?state=running`)
    expect(running.body).toEqual({ run: RUN, seq: 3, tasks })
    const waiting = await ask('GET', `/v1/runs/${RUN}/tasks?state=pending,running.needsInput`)
    expect(waiting.body).toEqual({ run: RUN, seq: 3, tasks: tasks.slice(1) })
  })

  it('gives its records page by page', async () => {
    const { ask, orchestrator } = serveApi()
    orchestrator.append(RUN, 7)
    const seqs = async (query: string) => {
      const { body } = await ask('GET', `/v1/runs/${RUN}/records${query}`)
      return (body as { records: readonly { seq: number }[] }).records.map(({ seq }) => seq)
    }
    expect(await seqs('?after=2&limit=3')).toEqual([3, 4, 5])
    expect(await seqs('?after=9')).toEqual([10])
    expect(await seqs('?after=10')).toEqual([])
    expect(await seqs('?limit=0')).toEqual([])
  })

  it('is told whose command it is', async () => {
    const { ask, orchestrator } = serveApi()
    const path = `/v1/runs/${RUN}/commands`
    await ask('POST', path, { json: { type: 'pause' } })
    await ask('POST', path, { json: { type: 'cancel' }, access: { may: 'command', via: 'rest' } })
    expect(orchestrator.calls).toEqual([
      ['command', RUN, { type: 'pause' }, { via: 'rest', who: 'ada' }],
      ['command', RUN, { type: 'cancel' }, { via: 'rest' }],
    ])
  })

  it('that has ended is deleted, or archived when that is asked for', async () => {
    const { ask, orchestrator } = serveApi()
    orchestrator.add(runView({ run: 'run_00', status: 'failed' }))
    expect((await ask('DELETE', `/v1/runs/${ENDED}`)).body).toEqual({ run: ENDED })
    expect((await ask('DELETE', '/v1/runs/run_00?archive=true')).body).toEqual({ run: 'run_00' })
    expect(orchestrator.calls).toEqual([
      ['remove', ENDED, 'delete'],
      ['remove', 'run_00', 'archive'],
    ])
    expect(outcomeOf(await ask('DELETE', `/v1/runs/${ENDED}`))).toEqual([404, 'not-found'])
  })

  it('that has not ended is kept, and says what it takes instead', async () => {
    const { ask, orchestrator } = serveApi()
    const answer = await ask('DELETE', `/v1/runs/${RUN}`)
    expect([answer.status, answer.body]).toEqual([
      409,
      {
        code: 'command-refused',
        message: "run_1 is running and cannot take 'delete'. It takes: pause, cancel.",
        details: { subject: RUN, command: 'delete', state: 'running', legal: ['pause', 'cancel'] },
      },
    ])
    expect(orchestrator.calls).toEqual([])
  })

  it('sends who waits for its outcome away when the process ends', async () => {
    const { ask, closing, orchestrator } = serveApi()
    const waiting = ask('GET', `/v1/runs/${RUN}/outcome`)
    closing.abort()
    expect(outcomeOf(await waiting)).toEqual([503, 'stopping'])
    orchestrator.settle(RUN, { status: 'completed', exitCode: 0 })
    expect(outcomeOf(await ask('GET', `/v1/runs/${RUN}/outcome`))).toEqual([503, 'stopping'])
  })
})

describe('the events', () => {
  it('are asked of the stream, with who asks', async () => {
    const asked: unknown[] = []
    const { ask } = serveApi({
      events: async (request, access) => {
        asked.push([new URL(request.url).search, request.headers.get('last-event-id'), access])
        return new Response('id: 1\n\n', { headers: { 'content-type': 'text/event-stream' } })
      },
    })
    const access = { may: 'watch', via: 'rest', who: 'eve' } as const
    const answer = await ask('GET', '/v1/events?runs=run_1', { headers: { 'last-event-id': 'c' }, access })
    expect([answer.status, answer.body]).toEqual([200, 'id: 1\n\n'])
    await ask('HEAD', '/v1/events')
    expect(asked).toEqual([['?runs=run_1', 'c', access]])
  })

  it('are not there where nobody serves them', async () => {
    expect(outcomeOf(await serveApi().ask('GET', '/v1/events'))).toEqual([404, 'not-found'])
  })
})
