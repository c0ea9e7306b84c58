import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { inTerminal, range, recordsOf, resultOf, type Terminal } from './command-line.ts'

const SHORT = `
name: short
inputs:
  topic: { type: string, required: true }
  size: { type: integer, default: 3 }
defaults: { repository: acme/shop }
tasks: { only: { prompt: "Write {{ inputs.size }} lines about {{ inputs.topic }}", simulate: { duration: 20ms } } }
`
const MISTAKEN = `name: mistaken
defaults: { repository: acme/shop, timeout: 5 minutes }
concurency: 3
tasks:
  one: { prompt: "Do {{ inputs.nothing }}", needs: [three] }
  two: { prompt: "Read {{ tasks.one.result }}" }
  three: { prompt: Go on, needs: [one, nobody], retry: { attempts: 0 } }
  one: { prompt: Again }
`

/** What is refused: the message on stderr, and that nothing was made. */
async function refusal(terminal: Terminal, args: readonly string[]): Promise<string> {
  const parent = await terminal.folder()
  const { code, stdout, stderr } = await terminal.troupe([...args, '--data-dir', join(parent, 'data')])
  expect([code, stdout, await readdir(parent)]).toEqual([2, '', []])
  return stderr
}

describe.concurrent('a data folder that cannot be used', () => {
  inTerminal('is named when whoever holds it does not answer', async ({ terminal, onTestFinished }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const silent = createServer(() => {})
    silent.listen(join(dataDir, 'control.sock'))
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const inFolder = ['--data-dir', dataDir]
    const ended = await Promise.all([
      terminal.troupe(['run', file, '--input', 'topic=x', ...inFolder]),
      terminal.troupe(['resume', ...inFolder]),
      terminal.troupe(['show', 'last', ...inFolder]),
      terminal.troupe(['task', 'last', 'only', 'retry', ...inFolder]),
    ])
    const said = `troupe: A process holds ${dataDir} but does not answer. Let it go on or end it, then try again.\n`
    expect(ended.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual(ended.map(() => [2, '', said]))
  })

  inTerminal('is named when its holder is stopped, and nothing is lost once that goes on', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const run = ['run', file, '--input', 'topic=x', '--data-dir', dataDir]
    const holder = terminal.start([...run, '--speed', '0.005', '--json'])
    await holder.sawState('only', 'running')
    holder.signal('SIGSTOP')
    const second = await terminal.troupe(run)
    expect([second.code, second.stdout, second.stderr]).toEqual([
      2,
      '',
      `troupe: A process holds ${dataDir} but does not answer. Let it go on or end it, then try again.\n`,
    ])
    holder.signal('SIGCONT')
    const { code, stdout } = await holder.ended
    const records = recordsOf(stdout)
    expect([code, resultOf(stdout).status]).toEqual([0, 'completed'])
    expect(records.map(({ seq }) => seq)).toEqual(range(1, records.length))
  })

  inTerminal('is named with the reason, whatever is asked of it', async ({ terminal }) => {
    const folder = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const plain = join(folder, 'file')
    await writeFile(plain, '')
    const run = ['run', file, '--input', 'topic=x', '--data-dir']
    const ended = await Promise.all([
      terminal.troupe([...run, plain]),
      terminal.troupe([...run, join(plain, 'below')]),
      terminal.troupe([...run, '/dev/null/x']),
      terminal.troupe([...run, '/proc/troupe']),
      terminal.troupe(['resume', '--data-dir', plain]),
      terminal.troupe(['cancel', 'last', '--data-dir', join(plain, 'below')]),
      terminal.troupe(['show', 'last', '--data-dir', join(plain, 'below')]),
    ])
    expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual(ended.map(() => [2, '']))
    const isFile = 'is a file, not a folder. Choose another with --data-dir.\n'
    expect(ended.map(({ stderr }) => stderr)).toEqual([
      `troupe: Cannot use the data folder in ${plain}: something on that path ${isFile}`,
      `troupe: Cannot use the data folder in ${plain}/below: something on that path ${isFile}`,
      `troupe: Cannot use the data folder in /dev/null/x: something on that path ${isFile}`,
      expect.stringMatching(/^troupe: Cannot use the data folder in \/proc\/troupe: .+\n$/),
      `troupe: Something on the path ${plain} ${isFile}`,
      `troupe: Something on the path ${plain}/below ${isFile}`,
      expect.stringMatching(/^troupe: Cannot read the list of runs in .*: .*ENOTDIR.*\n$/),
    ])
    expect(await readdir(folder)).toEqual(['file'])
  })
})

describe.concurrent('bad input', () => {
  inTerminal('every mistake of a workflow is told at once, each with its place', async ({ terminal }) => {
    const file = await terminal.workflow(MISTAKEN)
    const [said, validated] = await Promise.all([refusal(terminal, ['run', file]), terminal.troupe(['validate', file])])
    expect(said.trimEnd().split('\n')).toEqual([
      `${file}:2:45: defaults.timeout: "5 minutes" is not a duration; write a number and a unit, such as 250ms, 2s, 45m, 4h or 1d (at most 365d)`,
      `${file}:3:1: concurency: is an unknown key; did you mean 'concurrency'?`,
      `${file}:5:25: tasks.one.prompt: there is no input 'nothing'; declare it under inputs`,
      `${file}:5:53: tasks.one.needs[0]: a circle of needs: one -> three -> one; remove one of these needs`,
      `${file}:6:27: tasks.two.prompt: tasks.one.result is of a task that this one does not need; add 'one' to its needs`,
      `${file}:7:40: tasks.three.needs[1]: there is no task 'nobody'; there is: one, two, three`,
      `${file}:7:68: tasks.three.retry.attempts: must be at least 1`,
      `${file}:8:3: the key 'one' is there twice; keep one of them`,
    ])
    expect([validated.code, validated.stdout, validated.stderr]).toEqual([2, '', said])
  })

  inTerminal('names every input that is missing, unknown or of the wrong type', async ({ terminal }) => {
    const file = await terminal.workflow(SHORT)
    const [inputs, unreadable] = await Promise.all([
      refusal(terminal, ['run', file, '--input', 'size=many', '--input', 'colour=red']),
      refusal(terminal, ['run', file, '--input', 'topic=@/nowhere/topic.txt']),
    ])
    expect([inputs, unreadable]).toEqual([
      'Inputs of short:\n  colour: the workflow has no such input; there is: topic, size\n  topic: is missing; it must be text\n  size: must be a whole number, not many\n',
      'troupe: /nowhere/topic.txt: cannot be read: there is no such file.\n',
    ])
  })

  inTerminal('names every flag and file that is none', async ({ terminal }) => {
    const file = await terminal.workflow(SHORT)
    const values = ['--speed', 'fast', '--limit', 'codegen.creat=none', '--grace', 'soon', '--backend', 'codgen']
    const [unknown, mistaken, missing] = await Promise.all([
      refusal(terminal, ['run', file, '--sped', '20']),
      refusal(terminal, ['run', file, '--input', 'topic=x', ...values]),
      refusal(terminal, ['run', '/nowhere/workflow.yaml']),
    ])
    expect(unknown).toEqual(
      "troupe: unknown option '--sped'\n(Did you mean one of --seed, --speed?)\nTry: troupe run --help\n",
    )
    expect(
      mistaken
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(0, line.indexOf(':'))),
    ).toEqual(['--limit codegen.creat=none', '--grace soon', '--speed fast', '--backend codgen'])
    expect(missing).toEqual('troupe: /nowhere/workflow.yaml: cannot be read: there is no such file.\n')
  })

  inTerminal('names what does not exist, and what there is instead', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const inFolder = ['--data-dir', dataDir]
    const started = await terminal.troupe(['run', file, '--input', 'topic=x', ...inFolder])
    const [run = ''] = /run_\w+/.exec(started.stdout) ?? []
    const ended = await Promise.all([
      terminal.troupe(['show', 'run_0000000000nobody0', ...inFolder]),
      terminal.troupe(['show', 'nonsense', ...inFolder]),
      terminal.troupe(['result', 'last', 'nobody', ...inFolder]),
      terminal.troupe(['logs', 'last', 'nobody', ...inFolder]),
      terminal.troupe(['task', 'last', 'only', 'retry', ...inFolder]),
      terminal.troupe(['task', 'last', 'only', 'dance', ...inFolder]),
      terminal.troupe(['dance']),
    ])
    expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual(ended.map(() => [2, '']))
    expect(ended.map(({ stderr }) => stderr)).toEqual([
      "troupe: Run run_0000000000nobody0 does not exist. 'troupe runs' lists those that do.\n",
      "troupe: Run 'nonsense' does not exist. Name a run by its id ('troupe runs' lists them), or say last.\n",
      `troupe: Task nobody of ${run} does not exist. 'troupe show ${run}' lists its tasks.\n`,
      `troupe: Task nobody of ${run} does not exist. 'troupe show ${run}' lists its tasks.\n`,
      `troupe: ${run} only is completed and cannot take 'retry'. It takes: rerun.\n`,
      "troupe: 'dance' is nothing a task takes. There are: retry, complete, skip, fail, wait, adopt, approve, reject, answer, steer, pause, continue, cancel.\n",
      "troupe: unknown command 'dance'\n(Did you mean cancel?)\nTry: troupe --help\n",
    ])
  })
})
