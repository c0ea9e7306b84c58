import { describe, expect } from 'vitest'
import { type Command, inTerminal, range, recordsOf, resultOf, type Terminal } from './command-line.ts'

const DEFAULTS = 'defaults: { repository: acme/shop, retry: { attempts: 1 } }'
/** One task fails its first attempt and waits for a person; the other is still at work then. */
const ESCALATING = `
name: escalating
${DEFAULTS}
tasks:
  broken: { prompt: Break, simulate: { duration: 20ms, failures: 1, result: Mended. } }
  after: { prompt: Go on, needs: [broken], simulate: { duration: 20ms, result: After. } }
  slow: { prompt: Take your time, simulate: { duration: 10m, result: Slow. } }
`
const SHORT = `
name: short
${DEFAULTS}
tasks: { only: { prompt: Be quick, simulate: { duration: 20ms, result: Done. } } }
`

/** A terminal in which `run` holds a folder: `broken` is escalated, `slow` works. */
async function holding(terminal: Terminal): Promise<{ holder: Command; run: string; dataDir: string }> {
  const dataDir = await terminal.folder()
  const file = await terminal.workflow(ESCALATING)
  const holder = terminal.start(['run', file, '--data-dir', dataDir, '--json'])
  await Promise.all([holder.sawState('broken', 'escalated'), holder.sawState('slow', 'running')])
  return { holder, run: await holder.run(), dataDir }
}

describe.concurrent('a second terminal while a run holds the folder', () => {
  inTerminal('sees how the run stands, and what waits for whom', async ({ terminal }) => {
    const { run, dataDir } = await holding(terminal)
    const inFolder = ['--data-dir', dataDir]
    const [shown, listed, logs, result, missing] = await Promise.all([
      terminal.troupe(['show', run, ...inFolder]),
      terminal.troupe(['runs', '--json', ...inFolder]),
      terminal.troupe(['logs', run, 'broken', ...inFolder]),
      terminal.troupe(['result', run, 'broken', ...inFolder]),
      terminal.troupe(['show', 'run_0000000000nobody0', ...inFolder]),
    ])
    expect([shown.code, shown.stderr]).toEqual([0, ''])
    expect(shown.stdout).toContain(`${run} escalating (stand-in)\n● running, 0 of 3 completed, `)
    expect(shown.stdout).toMatch(/! broken escalated\n {4}why .+\n {4}since .+ ago\)\n {4}until {2}a person decides\n/)
    expect(shown.stdout).toContain(`    can    troupe task ${run} broken retry [--prompt TEXT] --data-dir ${dataDir} `)
    expect(shown.stdout).toContain('after waiting\n    why    waits for broken\n')
    expect(shown.stdout).toMatch(/slow running\n {4}why {4}its agent works\n/)
    expect(listed.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).status]))).toEqual([
      'running',
    ])
    expect([logs.code, logs.stderr]).toEqual([0, ''])
    expect(logs.stdout).toMatch(/ERROR/)
    expect([result.code, result.stdout, result.stderr]).toEqual([
      2,
      '',
      `troupe: broken of ${run} has no result yet: it is escalated.\n`,
    ])
    expect([missing.code, missing.stdout]).toEqual([2, ''])
    expect(missing.stderr).toMatch(/^troupe: Run run_0000000000nobody0 .*'troupe runs' lists those that do\.\n$/)
  })

  inTerminal('retries the task that waits for a person, and what needs it goes on', async ({ terminal }) => {
    const { holder, run, dataDir } = await holding(terminal)
    const told = await terminal.troupe(['task', run, 'broken', 'retry', '--data-dir', dataDir])
    expect([told.code, told.stderr]).toEqual([0, ''])
    expect(told.stdout).toMatch(
      new RegExp(`^${run} broken: retry taken \\(record \\d+\\), now (pending|creating)\\.\n$`),
    )
    await holder.sawState('after', 'completed')
    const view = await terminal.show(run, dataDir)
    expect(view.tasks.map(({ task, state, attempt }) => [task, state, attempt])).toEqual([
      ['broken', 'completed', 2],
      ['after', 'completed', 1],
      ['slow', 'running', 1],
    ])
  })

  inTerminal('is refused what is not legal now, with what is', async ({ terminal }) => {
    const { run, dataDir } = await holding(terminal)
    const inFolder = ['--data-dir', dataDir]
    const [adopt, unstarted, unknown, goOn] = await Promise.all([
      terminal.troupe(['task', run, 'broken', 'adopt', ...inFolder]),
      terminal.troupe(['task', run, 'after', 'retry', ...inFolder]),
      terminal.troupe(['task', run, 'nobody', 'retry', ...inFolder]),
      terminal.troupe(['continue', run, ...inFolder]),
    ])
    expect([adopt, unstarted, unknown, goOn].map(({ code, stdout }) => [code, stdout])).toEqual(
      range(1, 4).map(() => [2, '']),
    )
    expect(adopt.stderr).toEqual(
      `troupe: ${run} broken is escalated and cannot take 'adopt'. It takes: retry, complete, skip, fail, cancel.
`,
    )
    expect(unstarted.stderr).toMatch(/ after is waiting and cannot take 'retry'/)
    expect(unknown.stderr).toMatch(/^troupe: Task nobody of run_.*lists its tasks\.\n$/)
    expect(goOn.stderr).toEqual(`troupe: ${run} is running and cannot take 'continue'. It takes: pause, cancel.
`)
  })

  inTerminal('cancels the run: it settles, and the first terminal ends with 1', async ({ terminal }) => {
    const { holder, run, dataDir } = await holding(terminal)
    const cancelled = await terminal.troupe(['cancel', run, '--data-dir', dataDir])
    const taken = `${run}: cancel taken; waiting until all of it is settled.\n`
    expect([cancelled.code, cancelled.stdout, cancelled.stderr]).toEqual([0, `${run}: cancelled\n`, taken])
    const { code, stdout } = await holder.ended
    expect(code).toEqual(1)
    const { status, tasks } = resultOf(stdout)
    expect([status, ...tasks.map(({ task, state }) => `${task} ${state}`)]).toEqual([
      'cancelled',
      'broken cancelled',
      'after waiting',
      'slow cancelled',
    ])
  })

  inTerminal('starts a second run through the holder, says so, and only detaches on Ctrl-C', async ({ terminal }) => {
    const { holder, run: first, dataDir } = await holding(terminal)
    const [short, long] = await Promise.all([terminal.workflow(SHORT), terminal.workflow(ESCALATING)])
    const through = `Process ${holder.child.pid} holds ${dataDir}: this goes through it, and its account settings apply.\n`

    const second = await terminal.troupe(['run', short, '--data-dir', dataDir, '--json'])
    expect(second.code).toEqual(0)
    expect(second.stderr).toContain(through)
    const records = recordsOf(second.stdout)
    expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
    expect([resultOf(second.stdout).status, resultOf(second.stdout).run === first]).toEqual(['completed', false])

    const third = terminal.start(['run', long, '--data-dir', dataDir])
    await third.saw(/slow creating -> running/)
    third.signal('SIGINT')
    const { code, stdout } = await third.ended
    const detached = await third.run()
    expect(code).toEqual(130)
    expect(stdout).toContain(through)
    expect(stdout).toContain(`Detached: the run goes on in process ${holder.child.pid}.\n`)
    expect(stdout).toContain(`troupe resume ${detached} --data-dir ${dataDir}\n`)
    expect((await terminal.show(detached, dataDir)).status).toEqual('running')
  })

  inTerminal('takes the folder over and sees its run through when the holder is killed', async ({ terminal }) => {
    const { holder, dataDir } = await holding(terminal)
    const file = await terminal.workflow(SHORT.replace('20ms', '2s'))
    const follower = terminal.start(['run', file, '--data-dir', dataDir, '--json'])
    await follower.sawState('only', 'running')
    holder.signal('SIGKILL')
    const { code, stdout, stderr } = await follower.ended
    expect([code, resultOf(stdout).status]).toEqual([0, 'completed'])
    expect(stderr).toContain('The process that carried this has ended: this one goes on.\n')
    const records = recordsOf(stdout)
    expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
  })
})

describe.concurrent('a terminal when nobody holds the folder', () => {
  inTerminal('tells a task what to do, and names the command that carries it out', async ({ terminal }) => {
    const { holder, run, dataDir } = await holding(terminal)
    holder.signal('SIGKILL')
    await holder.ended
    const told = await terminal.troupe(['task', run, 'broken', 'skip', '--data-dir', dataDir])
    expect([told.code, told.stderr]).toEqual([0, ''])
    expect(told.stdout).toMatch(
      /: skip taken \(record \d+\), now skipped\. Nothing runs now: go on with troupe resume /,
    )
    const view = await terminal.show(run, dataDir)
    expect([view.status, ...view.tasks.map(({ task, state }) => `${task} ${state}`)]).toEqual([
      'running',
      'broken skipped',
      'after skipped',
      'slow running',
    ])
  })

  inTerminal('resumes nothing where nothing is unfinished, says so and ends well', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const first = await terminal.troupe(['run', file, '--data-dir', dataDir, '--json'])
    const { run } = resultOf(first.stdout)
    const [all, named, nowhere] = await Promise.all([
      terminal.troupe(['resume', '--data-dir', dataDir]),
      terminal.troupe(['resume', run, '--data-dir', dataDir]),
      terminal.troupe(['resume', '--data-dir', `${dataDir}/none`]),
    ])
    expect([all.code, all.stdout, all.stderr]).toEqual([
      0,
      `Nothing to resume in ${dataDir}: no run is unfinished.\n`,
      '',
    ])
    expect([named.code, named.stderr]).toEqual([0, ''])
    expect(named.stdout).toContain(`${run} has ended: there is nothing to resume.\n`)
    expect([nowhere.code, nowhere.stdout]).toEqual([0, `Nothing to resume in ${dataDir}/none: no run is unfinished.\n`])
  })

  inTerminal('cancels a run that nobody carries, and waits until it has ended', async ({ terminal }) => {
    const { holder, run, dataDir } = await holding(terminal)
    holder.signal('SIGKILL')
    await holder.ended
    const cancelled = await terminal.troupe(['cancel', 'last', '--data-dir', dataDir])
    expect([cancelled.code, cancelled.stdout]).toEqual([0, `${run}: cancelled\n`])
    const again = await terminal.troupe(['cancel', run, '--data-dir', dataDir])
    expect([again.code, again.stdout]).toEqual([2, ''])
    expect(again.stderr).toMatch(/is cancelled and cannot take 'cancel'/)
  })
})
