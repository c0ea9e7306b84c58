import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { inTerminal, type Terminal } from './command-line.ts'

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

describe.concurrent('bad input', () => {
  inTerminal('every mistake of a workflow at once, each with its place; nothing is started', async ({ terminal }) => {
    const file = await terminal.workflow(MISTAKEN)
    const said = await refusal(terminal, ['run', file])
    const lines = said.trimEnd().split('\n')
    const places = lines.map((line) => line.slice(file.length, line.indexOf(': ')))
    expect(lines.every((line) => line.startsWith(`${file}:`))).toEqual(true)
    expect(places).toEqual([])
    const validated = await terminal.troupe(['validate', file])
    expect([validated.code, validated.stdout, validated.stderr]).toEqual([2, '', said])
  })

  inTerminal('what is missing, unknown or of the wrong type among the inputs', async ({ terminal }) => {
    const file = await terminal.workflow(SHORT)
    const [missing, unknown, mistyped, noFile] = await Promise.all([
      refusal(terminal, ['run', file]),
      refusal(terminal, ['run', file, '--input', 'topic=x', '--input', 'colour=red']),
      refusal(terminal, ['run', file, '--input', 'size=many']),
      refusal(terminal, ['run', file, '--input', 'topic=@/nowhere/topic.txt']),
    ])
    expect([missing, unknown, mistyped, noFile]).toEqual([])
  })

  inTerminal('flags and files that are none', async ({ terminal }) => {
    const file = await terminal.workflow(SHORT)
    const run = ['run', file, '--input', 'topic=x']
    const [flag, values, backend, noFile, folder] = await Promise.all([
      refusal(terminal, [...run, '--sped', '20']),
      refusal(terminal, [...run, '--speed', 'fast', '--limit', 'create=3', '--grace', 'soon', '--seed', '1.5']),
      refusal(terminal, [...run, '--backend', 'codgen']),
      refusal(terminal, ['run', '/nowhere/workflow.yaml']),
      refusal(terminal, ['run', join(file, '..')]),
    ])
    expect([flag, values, backend, noFile, folder]).toEqual([])
  })

  inTerminal('runs and tasks that do not exist, and commands that are none', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const inFolder = ['--data-dir', dataDir]
    await terminal.troupe(['run', file, '--input', 'topic=x', ...inFolder])
    const ended = await Promise.all([
      terminal.troupe(['show', 'run_0000000000nobody0', ...inFolder]),
      terminal.troupe(['show', 'nonsense', ...inFolder]),
      terminal.troupe(['result', 'last', 'nobody', ...inFolder]),
      terminal.troupe(['logs', 'last', 'nobody', ...inFolder]),
      terminal.troupe(['task', 'last', 'only', 'retry', ...inFolder]),
      terminal.troupe(['task', 'last', 'only', 'dance', ...inFolder]),
      terminal.troupe(['dance']),
    ])
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([])
  })
})

describe.concurrent('a data folder that cannot be used', () => {
  inTerminal('a file, a path below a file, a device, a place without permission', async ({ terminal }) => {
    const folder = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    await writeFile(join(folder, 'file'), '')
    const run = ['run', file, '--input', 'topic=x', '--data-dir']
    const places = [join(folder, 'file'), join(folder, 'file', 'below'), '/dev/null/x', '/proc/troupe']
    const ended = await Promise.all(places.map((place) => terminal.troupe([...run, place])))
    expect(ended.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([])
    const reads = await Promise.all([
      terminal.troupe(['runs', '--data-dir', join(folder, 'file')]),
      terminal.troupe(['show', 'last', '--data-dir', join(folder, 'file', 'below')]),
      terminal.troupe(['cancel', 'last', '--data-dir', join(folder, 'file')]),
    ])
    expect(reads.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([])
  })

  inTerminal('one whose holder does not answer: says so and ends with 2', async ({ terminal, onTestFinished }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT)
    const silent = createServer(() => {})
    silent.listen(join(dataDir, 'control.sock'))
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    await mkdir(join(dataDir, 'runs'))
    const inFolder = ['--data-dir', dataDir]
    const [run, resume, show, task] = await Promise.all([
      terminal.troupe(['run', file, '--input', 'topic=x', ...inFolder]),
      terminal.troupe(['resume', ...inFolder]),
      terminal.troupe(['show', 'last', ...inFolder]),
      terminal.troupe(['task', 'last', 'only', 'retry', ...inFolder]),
    ])
    expect([run, resume, show, task].map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([])
  })

  inTerminal('one whose holder is stopped: says so, and nothing is lost once it goes on', async ({ terminal }) => {
    const dataDir = await terminal.folder()
    const file = await terminal.workflow(SHORT.replace('20ms', '3s'))
    const holder = terminal.start(['run', file, '--input', 'topic=x', '--data-dir', dataDir])
    await holder.saw(/only creating -> running/)
    holder.signal('SIGSTOP')
    const second = await terminal.troupe(['run', file, '--input', 'topic=y', '--data-dir', dataDir])
    expect([second.code, second.stdout, second.stderr]).toEqual([])
    holder.signal('SIGCONT')
    expect((await holder.ended).code).toEqual(0)
  })
})
