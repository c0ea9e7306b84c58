import { describe, expect, it } from 'vitest'
import { createScene, objects, promptFor, reportOf } from './stand-in-client.ts'

const KEY = { troupe: { run: 'run_a', task: 'research', attempt: 1 } }

describe('agents of the stand-in', () => {
  it('are ACTIVE when created, work 2 to 6 seconds and end with a report that echoes task and turn', async () => {
    const { create, read, clock } = createScene()
    const id = await create(promptFor('run_a/research/1/1', { line: '#ResearchAgent: Research requirements for X' }), {
      metadata: KEY,
    })
    const first = await read(id)
    expect([first['id'], first['status'], first['result'], first['metadata']]).toEqual([41001, 'ACTIVE', null, KEY])
    await clock.advance(1999)
    expect((await read(id))['result']).toBe(null)
    await clock.advance(4001)
    const last = await read(id)
    const report = reportOf(last)
    expect([last['status'], last['metadata'], report['status'], report['task_id'], report['turn']]).toEqual([
      'COMPLETE',
      KEY,
      'completed',
      'research',
      1,
    ])
    expect(String(last['result']).split('\n')[0]).toBe('Requirements found for: Research requirements for X')
  })

  it('have ascending ids and both forms of time', async () => {
    const { create, list } = createScene({ limits: { create: 'none' } })
    const ids = []
    for (let i = 0; i < 20; i++) ids.push(await create(promptFor(`run_a/t${i}/1/1`)))
    const times = objects((await list())['items']).map((item) => String(item['created_at']))
    expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => 41001 + i))
    const forms = times.map((time) => time.replace(/\d/g, '0'))
    expect([...new Set(forms)].sort()).toEqual(['0000-00-00 00:00:00.000000', '0000-00-00T00:00:00.000Z'])
    expect(new Set(times.map((time) => time.slice(0, 10)))).toEqual(new Set(['2026-01-01']))
  })

  it('progress by seed, key and time alone, however often one asks', async () => {
    const watch = async (seed: number, everyMs: number) => {
      const { create, read, clock } = createScene({ seed, limits: { standard: 'none' } })
      const id = await create(promptFor('run_a/execute[1]/2/1', { line: '#TaskExecutor: Build it' }))
      for (let at = 0; at < 6000; at += everyMs) {
        await read(id)
        await clock.advance(everyMs)
      }
      return read(id)
    }
    const seldom = await watch(7, 3000)
    expect(await watch(7, 100)).toEqual(seldom)
    expect(await watch(8, 3000)).not.toEqual(seldom)
  })

  it('divide their time by the speed', async () => {
    const { create, read, clock } = createScene({ speed: 100 })
    const id = await create(promptFor('run_a/slow/1/1', { simulate: { durationMs: 60_000 } }))
    await clock.advance(599)
    const before = (await read(id))['result']
    await clock.advance(1)
    expect([before, (await read(id))['status']]).toEqual([null, 'COMPLETE'])
  })

  it('do as the last script line of their prompt says', async () => {
    const { create, read, clock } = createScene()
    const simulate = { durationMs: 10, result: 'All of it.', output: { tasks: [1, 2] }, pullRequests: 2 }
    const quoted = 'Quoted: [simulate:{"outcome":"error"}]\n[simulate:{"outcome":"never"}]\nDo it.'
    const id = await create(promptFor('run_a/plan/1/1', { line: quoted, simulate }))
    await clock.advance(10)
    const run = await read(id)
    expect([run['status'], reportOf(run)['result'], String(run['result']).split('\n')[0]]).toEqual([
      'COMPLETE',
      { tasks: [1, 2] },
      'All of it.',
    ])
    expect(objects(run['github_pull_requests']).map((one) => [one['id'], one['url'], one['head_branch_name']])).toEqual(
      [
        [4100100, 'https://stand-in.invalid/pull/4100100', 'codegen/plan-4100100'],
        [4100101, 'https://stand-in.invalid/pull/4100101', 'codegen/plan-4100101'],
      ],
    )
  })

  it('ignore a script that makes no sense', async () => {
    const { create, read, clock } = createScene()
    const torn = await create(promptFor('run_a/a/1/1', { line: '[simulate:{"outcome":"never"]' }))
    const odd = await create(
      promptFor('run_a/b/1/1', { simulate: { outcome: 'dance', durationMs: -1, failures: 'x' } }),
    )
    await clock.advance(6000)
    expect([(await read(torn))['status'], (await read(odd))['status']]).toEqual(['COMPLETE', 'COMPLETE'])
  })

  it.each([
    ['error', 'ERROR'],
    ['timeout', 'TIMEOUT'],
    ['max-iterations', 'MAX_ITERATIONS_REACHED'],
    ['out-of-tokens', 'OUT_OF_TOKENS'],
    ['cancelled', 'CANCELLED'],
    ['paused', 'PAUSED'],
  ])('end as %s with status %s and no result', async (outcome, status) => {
    const { create, read, clock } = createScene()
    const id = await create(promptFor('run_a/a/1/1', { simulate: { outcome, durationMs: 5 } }))
    await clock.advance(5)
    const run = await read(id)
    expect([run['status'], run['result']]).toEqual([status, null])
  })

  it('never end when the script says so', async () => {
    const { create, read, clock } = createScene()
    const id = await create(promptFor('run_a/a/1/1', { simulate: { outcome: 'never' } }))
    await clock.advance(30 * 24 * 3_600_000)
    expect((await read(id))['status']).toBe('ACTIVE')
  })

  it('fail the first attempts and then succeed', async () => {
    const { create, read, clock } = createScene()
    const simulate = { failures: 2, durationMs: 5 }
    const ids = []
    for (const attempt of [1, 2, 3]) ids.push(await create(promptFor(`run_a/a/${attempt}/1`, { simulate })))
    await clock.advance(5)
    const statuses = []
    for (const id of ids) statuses.push((await read(id))['status'])
    expect(statuses).toEqual(['ERROR', 'ERROR', 'COMPLETE'])
  })

  it('report failure, or nothing, when the script says so', async () => {
    const { create, read, clock } = createScene()
    const failed = await create(promptFor('run_a/a/1/1', { simulate: { report: 'failed', durationMs: 5 } }))
    const none = await create(
      promptFor('run_a/b/1/1', { simulate: { report: 'none', result: 'Done.', durationMs: 5 } }),
    )
    await clock.advance(5)
    expect([reportOf(await read(failed))['status'], (await read(none))['result']]).toEqual(['failed', 'Done.'])
  })

  it.each([
    ['#TaskPlanner: Plan it', 'plan', 'tasks'],
    ['#SpecArchitect: Specify it', 'spec', 'summary,sections'],
    ['#TaskExecutor: Build it', 'x', 'summary,files_modified,pr_created,tests_passed'],
    ['Look at it', 'review', 'summary,approved'],
    ['Anything', 'other', 'summary'],
  ])('answer %s in the way of the role', async (line, task, keys) => {
    const { create, read, clock } = createScene()
    const id = await create(promptFor(`run_a/${task}/1/1`, { line }))
    await clock.advance(6000)
    expect(Object.keys(Object(reportOf(await read(id))['result'])).join()).toBe(keys)
  })

  it('plan three or four tasks', async () => {
    const { create, read, clock } = createScene()
    const id = await create(promptFor('run_a/plan/1/1', { line: '#TaskPlanner: Plan it' }))
    await clock.advance(6000)
    const { tasks } = Object(reportOf(await read(id))['result'])
    const planned = objects(tasks)
    expect([3, 4]).toContain(planned.length)
    expect(planned.map((task) => Object.keys(task))).toEqual(planned.map(() => ['title', 'description']))
  })
})

describe('turns of an agent', () => {
  it('work again after a resume and report the new turn', async () => {
    const { create, read, resume, clock, standIn } = createScene()
    const id = await create(promptFor('run_a/manager/1/1', { line: 'Orchestrate the work.' }))
    await clock.advance(6000)
    const resumed = await resume(id, promptFor('run_a/manager/1/2', { line: 'Completed batch: research' }))
    expect([resumed.body['id'], resumed.body['status'], (await read(id))['status']]).toEqual([id, 'ACTIVE', 'ACTIVE'])
    await clock.advance(2000)
    const run = await read(id)
    expect([run['status'], reportOf(run)['turn'], reportOf(run)['result']]).toEqual([
      'COMPLETE',
      2,
      { summary: 'Noted: Completed batch: research' },
    ])
    expect([standIn.creations(), standIn.turns()]).toEqual([
      { 'run_a/manager/1': 1 },
      { 'run_a/manager/1/1': 1, 'run_a/manager/1/2': 1 },
    ])
  })

  it('end a pause, even when the same script comes again', async () => {
    const { create, read, resume, clock } = createScene()
    const simulate = { outcome: 'paused', durationMs: 5 }
    const id = await create(promptFor('run_a/a/1/1', { simulate }))
    await clock.advance(600_000)
    const paused = (await read(id))['status']
    await resume(id, promptFor('run_a/a/1/2', { simulate }))
    await clock.advance(2000)
    expect([paused, (await read(id))['status']]).toEqual(['PAUSED', 'COMPLETE'])
  })

  it('keep the scripted output for a repair, but not the missing report', async () => {
    const { create, read, resume, clock } = createScene()
    const simulate = { report: 'none', output: { n: 1 }, durationMs: 5 }
    const id = await create(promptFor('run_a/a/1/1', { simulate }))
    await clock.advance(5)
    await resume(id, promptFor('run_a/a/1/2'))
    await clock.advance(2000)
    expect(reportOf(await read(id))['result']).toEqual({ n: 1 })
  })

  it('take over what the turn before was still doing: one answer, to the newest', async () => {
    const { create, read, logs, resume, clock } = createScene()
    const id = await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 5000 } }))
    await clock.advance(1000)
    await resume(id, promptFor('run_a/a/1/2', { simulate: { durationMs: 1000 } }))
    await clock.advance(4999)
    const before = (await read(id))['status']
    await clock.advance(1)
    const run = await read(id)
    const types = objects((await logs(id))['logs']).map((entry) => entry['message_type'])
    expect([before === 'COMPLETE', run['status'], reportOf(run)['turn']]).toEqual([false, 'COMPLETE', 2])
    expect(types.filter((type) => type !== 'ACTION')).toEqual(['USER_MESSAGE', 'USER_MESSAGE', 'FINAL_ANSWER'])
  })

  it('are counted as often as they were prompted', async () => {
    const { create, resume, standIn } = createScene()
    const id = await create(promptFor('run_a/a/1/1'))
    await create(promptFor('run_a/a/1/1'))
    await resume(id, promptFor('run_a/a/1/2'))
    await resume(id, promptFor('run_a/a/1/2'))
    await create('No mark.')
    await create('Metadata only.', { metadata: { troupe: { run: 'run_b', task: 'm', attempt: 3 } } })
    expect([standIn.creations(), standIn.turns()]).toEqual([
      { 'run_a/a/1': 2, 'run_b/m/3': 1 },
      { 'run_a/a/1/1': 2, 'run_a/a/1/2': 2, 'run_b/m/3/1': 1 },
    ])
  })
})

describe('a ban', () => {
  it('cancels an agent at work, and one that is paused, but none that has ended', async () => {
    const { call, create, read, clock } = createScene()
    const working = await create(promptFor('run_a/a/1/1', { simulate: { outcome: 'never' } }))
    const paused = await create(promptFor('run_a/b/1/1', { simulate: { outcome: 'paused', durationMs: 5 } }))
    const ended = await create(promptFor('run_a/c/1/1', { simulate: { durationMs: 5 } }))
    await clock.advance(10)
    const statuses = []
    for (const [id, path] of [
      [working, 'ban'],
      [paused, 'remove-from-pr'],
      [ended, 'ban'],
    ] as const) {
      await read(id)
      await call('POST', `/v1/organizations/1/agent/run/${path}`, { agent_run_id: id })
      statuses.push((await read(id))['status'])
    }
    expect(statuses).toEqual(['CANCELLED', 'CANCELLED', 'COMPLETE'])
  })

  it('that is lifted starts nothing, a resume does', async () => {
    const { call, create, read, resume, clock } = createScene()
    const id = await create(promptFor('run_a/a/1/1'))
    await call('POST', '/v1/organizations/1/agent/run/ban', { agent_run_id: id })
    await call('POST', '/v1/organizations/1/agent/run/unban', { agent_run_id: id })
    await clock.advance(10_000)
    const lifted = (await read(id))['status']
    await resume(id, promptFor('run_a/a/1/2'))
    await clock.advance(2000)
    expect([lifted, (await read(id))['status']]).toEqual(['CANCELLED', 'COMPLETE'])
  })
})

describe('logs', () => {
  it('grow with the work: the prompt, actions, and a final answer with the result', async () => {
    const { create, read, logs, clock } = createScene()
    const prompt = promptFor('run_a/a/1/1', { simulate: { durationMs: 3000, logs: ['first', 'second'] } })
    const id = await create(prompt)
    const sight = async () =>
      objects((await logs(id))['logs']).map((entry) => [
        entry['message_type'],
        entry['observation'] ?? entry['thought'],
      ])
    const atStart = await sight()
    await clock.advance(1000)
    const afterOne = await sight()
    await clock.advance(2000)
    expect([atStart, afterOne, await sight()]).toEqual([
      [['USER_MESSAGE', prompt]],
      [
        ['USER_MESSAGE', prompt],
        ['ACTION', 'first'],
      ],
      [
        ['USER_MESSAGE', prompt],
        ['ACTION', 'first'],
        ['ACTION', 'second'],
        ['FINAL_ANSWER', (await read(id))['result']],
      ],
    ])
  })

  it('end with an ERROR that says what the script says', async () => {
    const { create, logs, clock } = createScene()
    const simulate = { outcome: 'error', result: 'No space left.', durationMs: 5, logs: [] }
    const id = await create(promptFor('run_a/a/1/1', { simulate }))
    await clock.advance(5)
    const last = objects((await logs(id, '?reverse=true&limit=1'))['logs'])
    expect(last.map((entry) => [entry['message_type'], entry['observation']])).toEqual([['ERROR', 'No space left.']])
  })

  it('come by page, oldest first or newest first', async () => {
    const { create, logs, clock } = createScene()
    const id = await create(promptFor('run_a/a/1/1', { simulate: { durationMs: 100, logs: ['1', '2', '3', '4'] } }))
    await clock.advance(100)
    const second = await logs(id, '?skip=2&limit=2')
    const newest = await logs(id, '?limit=2&reverse=true')
    expect(objects(second['logs']).map((entry) => entry['thought'])).toEqual(['2', '3'])
    expect(objects(newest['logs']).map((entry) => entry['thought'])).toEqual([null, '4'])
    expect([second['total_logs'], second['page'], second['size'], second['pages']]).toEqual([6, 2, 2, 3])
  })
})

describe('the list', () => {
  it('is newest first, by page, and filtered by user and source', async () => {
    const { call, create, list } = createScene()
    for (let i = 0; i < 5; i++) await create(promptFor(`run_a/t${i}/1/1`))
    await call('POST', '/v1/organizations/1/setup-commands/generate', { repo_id: 1 })
    const idsOf = async (query: string) => {
      const { items, ...page } = await list(query)
      return { ids: objects(items).map((item) => Number(item['id']) - 41000), ...page }
    }
    expect(await idsOf('?limit=2')).toEqual({ ids: [6, 5], total: 6, page: 1, size: 2, pages: 3 })
    expect(await idsOf('?limit=2&skip=4')).toEqual({ ids: [2, 1], total: 6, page: 3, size: 2, pages: 3 })
    expect(await idsOf('?limit=2&skip=5')).toEqual({ ids: [1], total: 6, page: 3, size: 2, pages: 3 })
    expect(await idsOf('?skip=6')).toEqual({ ids: [], total: 6, page: 1, size: 100, pages: 1 })
    expect(await idsOf('?source_type=API&user_id=1')).toEqual({
      ids: [5, 4, 3, 2, 1],
      total: 5,
      page: 1,
      size: 100,
      pages: 1,
    })
    expect(await idsOf('?source_type=SETUP_COMMANDS')).toEqual({ ids: [6], total: 1, page: 1, size: 100, pages: 1 })
    expect(await idsOf('?user_id=2')).toEqual({ ids: [], total: 0, page: 1, size: 100, pages: 0 })
  })

  it('can forget metadata, so that only marks tell runs apart', async () => {
    const { create, list, logs } = createScene({ keepMetadata: false })
    const id = await create(promptFor('run_a/research/1/1'), { metadata: KEY })
    expect(objects((await list())['items']).map((item) => item['metadata'])).toEqual([{}])
    expect(objects((await logs(id))['logs']).map((entry) => entry['observation'])).toEqual([
      'Do it.\n\n[troupe:run_a/research/1/1]',
    ])
  })
})
