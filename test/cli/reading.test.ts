import { describe, expect, it } from 'vitest'
import { serveControl, temporaryFolder } from '../support/control-socket.ts'
import { FakeCli } from '../support/fake-cli.ts'
import { NOON, runView, taskView } from '../support/fake-orchestrator.ts'
import { workflowFile } from '../support/workflow-file.ts'

const RUN = 'run_1'
const NOW = Date.parse(NOON)

const VIEW = runView({
  run: RUN,
  startedAt: '2026-01-02T11:58:00.000Z',
  tasks: [
    taskView({
      task: 'spec',
      role: 'Spec',
      state: 'completed',
      attempt: 1,
      url: 'https://x/1',
      pullRequests: [{ url: 'https://pr/1' }],
    }),
    taskView({
      task: 'execute[0]',
      state: 'pending',
      since: '2026-01-02T11:59:00.000Z',
      attempt: 2,
      awaits: 'slot',
      until: '2026-01-02T12:00:12.000Z',
      waitingFor: { kind: 'rate', name: 'codegen.create', since: NOW - 60_000, until: NOW + 12_000 },
      why: 'waits for the rate limit codegen.create',
      failure: { kind: 'crashed', message: 'it crashed' },
      commands: ['skip', 'fail'],
    }),
    taskView({
      task: 'review',
      state: 'waiting',
      since: '2026-01-02T11:58:00.000Z',
      awaits: 'needs',
      needs: ['execute'],
      why: 'waits for execute',
    }),
  ],
  alerts: [{ at: NOON, code: 'stuck', message: 'silent\u001b[2J for 10m', task: 'spec' }],
})

async function folder(): Promise<FakeCli> {
  const cli = new FakeCli()
  cli.env = { TROUPE_DATA_DIR: await temporaryFolder() }
  cli.orchestrator.add(VIEW)
  return cli
}

describe('troupe show', () => {
  it('says of each task why it waits, since when, until when, and what one can do', async () => {
    const cli = await folder()
    cli.env = {}
    expect(await cli.run('show', RUN)).toBe(0)
    expect(cli.stdout.lines).toEqual([
      `${RUN} feature`,
      '● running, 1 of 3 completed, 2m00s since 2026-01-02T11:58:00.000Z',
      `No process carries it, so nothing of it goes on until one does: troupe resume ${RUN}`,
      '',
      '✔ spec Spec completed',
      '    at     https://x/1',
      '    opened https://pr/1',
      '○ execute[0] pending, attempt 2',
      '    why    waits for the rate limit codegen.create',
      '    since  2026-01-02T11:59:00.000Z (1m00s ago)',
      '    until  2026-01-02T12:00:12.000Z (in 12s)',
      '    failed it crashed.',
      `    can    troupe task ${RUN} execute.0 skip | fail [--reason TEXT]`,
      '· review waiting',
      '    why    waits for execute',
      '    since  2026-01-02T11:58:00.000Z (2m00s ago)',
      '    until  execute settles (0 of 1)',
      '    can    nothing here: see what it waits for',
      '',
      'Alerts:',
      `  ${NOON} spec: silent for 10m`,
      '',
      'Next:',
      `  troupe result ${RUN} spec`,
      `  troupe logs ${RUN} execute.0`,
      `  troupe resume ${RUN}`,
    ])
  })

  it('gives the whole view as JSON, by the holder where there is one and without a lock', async () => {
    const cli = await folder()
    const holder = await serveControl()
    holder.orchestrator.add({ ...VIEW, name: 'as the holder sees it' })
    cli.holder = holder.client
    expect(await cli.run('show', 'last', '--json')).toBe(0)
    expect(JSON.parse(cli.stdout.text)).toEqual({ ...VIEW, name: 'as the holder sees it' })
    expect(cli.taken).toEqual([])
  })

  it('reads the disk when the holder dies meanwhile', async () => {
    const cli = await folder()
    const holder = await serveControl()
    cli.holder = holder.client
    await holder.kill()
    expect(await cli.run('show', RUN, '--json')).toBe(0)
    expect(JSON.parse(cli.stdout.text)).toEqual({ ...VIEW, carried: false })
  })

  it.each([
    ['show', 'run_2'],
    ['result', RUN, 'review'],
    ['show', '/etc'],
  ])('exits 2 for what does not exist (%s %s)', async (...words) => {
    const cli = await folder()
    expect(await cli.run(...words)).toBe(2)
    expect(cli.stderr.text).toMatch(/does not exist/)
  })
})

describe('troupe runs', () => {
  it('lists the runs, oldest first', async () => {
    const cli = await folder()
    cli.orchestrator.add(runView({ run: 'run_0', status: 'completed', standIn: true }))
    const holder = await serveControl()
    for (const view of cli.orchestrator.runs()) holder.orchestrator.add(cli.orchestrator.view(view.run))
    cli.holder = holder.client
    expect(await cli.run('runs')).toBe(0)
    expect(cli.stdout.lines).toEqual([
      'run    status       name     started               took',
      'run_0  ✔ completed  feature  2026-01-02 12:00:00Z  0s     stand-in',
      'run_1  ● running    feature  2026-01-02 11:58:00Z  2m00s',
    ])
  })

  it('says of which runs nothing goes on, as no process carries them', async () => {
    const cli = await folder()
    cli.orchestrator.add(runView({ run: 'run_0', status: 'completed' }))
    cli.orchestrator.add(runView({ run: 'run_2', status: 'running', standIn: true }))
    await cli.run('runs')
    expect(cli.stdout.lines).toEqual([
      'run    status       name     started               took',
      'run_0  ✔ completed  feature  2026-01-02 12:00:00Z  0s',
      'run_1  ‖ running    feature  2026-01-02 11:58:00Z  2m00s  no process carries it',
      'run_2  ‖ running    feature  2026-01-02 12:00:00Z  0s     stand-in, no process carries it',
    ])
    cli.stdout.text = ''
    await cli.run('runs', '--json')
    const rows = cli.stdout.lines.map((line) => JSON.parse(line))
    expect(rows.map(({ run, carried }) => [run, carried])).toEqual([
      ['run_0', undefined],
      ['run_1', false],
      ['run_2', false],
    ])
  })

  it('lists nothing in a folder without any', async () => {
    const cli = new FakeCli()
    expect([await cli.run('runs'), await cli.run('runs', '--json')]).toEqual([0, 0])
    expect(cli.stdout.text).toBe('No runs in .troupe yet.\n')
  })
})

describe('troupe result and troupe logs', () => {
  it("print an agent's text without what would move the cursor; JSON has all of it", async () => {
    const cli = await folder()
    const result = {
      task: 'spec',
      attempt: 1,
      status: 'completed',
      result: 'line 1\n\u001b[2Jline 2',
      output: { a: 1 },
    }
    cli.orchestrator.results.set('spec', result)
    await cli.run('result', RUN, 'spec')
    expect(cli.stdout.text).toBe('line 1\nline 2\n')
    cli.stdout.text = ''
    await cli.run('result', RUN, 'spec', '--json')
    expect(JSON.parse(cli.stdout.text)).toEqual(result)
  })

  it('take the folder for a moment when nobody holds it', async () => {
    const cli = await folder()
    cli.orchestrator.entries = [
      { at: NOW, type: 'action', tool: 'shell', text: 'ls\u0007' },
      { at: null, type: 'answer', text: 'done' },
    ]
    expect(await cli.run('logs', RUN, 'execute.0')).toBe(0)
    expect(cli.stdout.lines).toEqual(['2026-01-02T12:00:00Z action shell: ls', 'answer: done'])
    expect([cli.taken, cli.orchestrator.closed]).toEqual([[{ intents: 'closed' }], true])
    expect(cli.orchestrator.calls).toEqual([['logs', RUN, 'execute[0]', 200]])
  })
})

describe('troupe validate', () => {
  it('says what a valid file holds and what it needs', async () => {
    const cli = new FakeCli()
    const file = await workflowFile()
    expect(await cli.run('validate', file)).toBe(0)
    expect(cli.stdout.text).toBe(`${file}: feature is valid: 1 task, needs --input request=...\n`)
  })

  it('says every mistake with its place and exits 2', async () => {
    const cli = new FakeCli()
    const file = await workflowFile('name: x\ntasks:\n  a: { prompt: p, needs: [b] }\n  c: { prompt: p, wait: 3 }\n')
    expect(await cli.run('validate', file)).toBe(2)
    expect(cli.stderr.lines.map((line) => line.slice(0, file.length + 3))).toEqual([`${file}:3:`, `${file}:4:`])
  })
})
