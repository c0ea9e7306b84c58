import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AgentProcess, endProcess, linesOf } from '../../../src/backends/local/agent-process.ts'
import { startOf } from '../../../src/backends/local/process-table.ts'
import { BackendError } from '../../../src/domain/errors.ts'
import { realClock } from '../../../src/host/clock.ts'
import { lives, nextPid, Processes } from './processes.ts'

let processes: Processes
beforeEach(() => {
  processes = new Processes()
})
afterEach(() => processes.end())

async function linesIn(stdout: Readable): Promise<string[]> {
  const lines: string[] = []
  for await (const line of linesOf(stdout)) lines.push(line)
  return lines
}

/** Starts a script and waits until it prints `ready`. */
async function ready(starting: Promise<AgentProcess>): Promise<AgentProcess> {
  const started = await starting
  const { value } = await linesOf(started.stdout).next()
  expect(value).toBe('ready')
  return started
}

async function refusalOf(starting: Promise<AgentProcess>) {
  const error = await starting.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof BackendError)) throw new Error('It was started.')
  const { kind, retryable, certain, message } = error
  return { kind, retryable, certain, message }
}

describe('startProcess', () => {
  it('gives a program its arguments as they are, its environment and nothing else of ours, and tells how it ended', async () => {
    const started = await processes.start('sh', ['-c', 'echo "$1" "$0"; env | grep -c ^HOME=; exit 3', '$(x) "', '*'])
    expect(await linesIn(started.stdout)).toEqual(['* $(x) "', '0'])
    expect(await started.exited).toEqual({ code: 3, signal: null })
  })

  it('makes it the first of a process group of its own, and tells its start as the system does', async () => {
    const started = await processes.shell('ps -o pgid= -p $$; read line')
    const { value } = await linesOf(started.stdout).next()
    expect(Number(value)).toBe(started.pid)
    expect(started.startedAt).not.toBe('')
    expect(started.startedAt).toBe(await startOf(started.pid))
  })

  it('refuses for certain, naming the program and what to do', async () => {
    const nowhere = '/nowhere/at/all'
    const plain = { kind: 'refused', retryable: false, certain: true }
    expect(await refusalOf(processes.start('no-such-agent', []))).toEqual({
      ...plain,
      message:
        "'no-such-agent' could not be started: no such program was found on the PATH. Install it, or give its whole path.",
    })
    expect(await refusalOf(processes.start(`${nowhere}/agent`, []))).toEqual({
      ...plain,
      message: `'${nowhere}/agent' could not be started: there is no such program, or what its first line names is not installed. Install it, or correct its path.`,
    })
    expect(await refusalOf(processes.start('/etc/passwd', []))).toEqual({
      ...plain,
      message:
        "'/etc/passwd' could not be started: it may not be executed, or / may not be entered. Correct the permissions (chmod +x).",
    })
    expect(await refusalOf(processes.start('sh', [], { cwd: nowhere }))).toEqual({
      ...plain,
      message: `'sh' could not be started: there is no folder ${nowhere} to start it in.`,
    })
    expect(await refusalOf(processes.start('sh', ['x'.repeat(4 * 1024 * 1024)]))).toEqual({
      ...plain,
      message:
        "'sh' could not be started: its arguments and environment are longer than the system takes. Give a long text on stdin or in a file.",
    })
  })

  it('survives writing to a process that no longer reads', async () => {
    const started = await processes.shell('exec <&-; echo ready; sleep 1000')
    await ready(Promise.resolve(started))
    for (let i = 0; i < 10; i++) started.stdin?.write('x'.repeat(100_000))
    await endProcess(started, { clock: realClock, signal: 'SIGTERM', closeMs: 0 })
    started.stdin?.write('more')
    expect(await started.exited).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it('never lets a process wait because nobody reads, and loses nothing of what it printed', async () => {
    const script =
      'const s = "x".repeat(99) + "\\n"; process.stdout.write(s.repeat(50000)); process.stderr.write(s.repeat(50000))'
    const started = await processes.node(script)
    expect(await started.exited).toEqual({ code: 0, signal: null })
    const lines = await linesIn(started.stdout)
    expect([lines.length, new Set(lines).size]).toEqual([50_000, 1])
  })

  it('goes on emptying the output of a process when its reader has left', async () => {
    const started = await processes.shell('echo first; head -c 5000000 /dev/zero; exit 4')
    for await (const line of linesOf(started.stdout)) {
      expect(line).toBe('first')
      break
    }
    expect(await started.exited).toEqual({ code: 4, signal: null })
  })

  it('keeps the end of stderr, without colours and control characters', async () => {
    const script = 'process.stderr.write("old\\n".repeat(9000) + "\\x1b[31mred\\x1b[0m \\x07bell\\n50%\\r100%\\n")'
    const started = await processes.node(script)
    await started.exited
    const tail = started.stderrTail()
    expect(tail.endsWith('old\nred bell\n100%\n')).toBe(true)
    expect(tail.startsWith('[the beginning is cut, about 28 KB]\nold\n')).toBe(true)
    expect(tail.length).toBeLessThan(8 * 1024 + 100)
  })

  it('does not wait for a grandchild that holds its output for ever', async () => {
    const started = await processes.shell('sleep 1000 & echo $!; exit 3')
    const lines = linesOf(started.stdout)
    const grandchild = await nextPid(lines)
    expect(await started.exited).toEqual({ code: 3, signal: null })
    expect(await lines.next()).toEqual({ done: true, value: undefined })
    expect(await lives(grandchild)).toBe(true)
  })
})

describe('linesOf', () => {
  it('puts characters and lines together however they are cut, and takes both kinds of line ends', async () => {
    const bytes = Buffer.from('{"a":"ä€😀"}\r\n\nnext\u2028still next\nlast')
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      expect(await linesIn(Readable.from(pieces))).toEqual(['{"a":"ä€😀"}', '', 'next\u2028still next', 'last'])
    }
  })

  it('gives no line for nothing, and none after a last line end', async () => {
    expect(await linesIn(Readable.from([]))).toEqual([])
    expect(await linesIn(Readable.from([Buffer.from('one\n')]))).toEqual(['one'])
  })

  it('cuts a line that is longer than 16 MB and says so; the next one is whole', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x')
    const [long = '', next] = await linesIn(Readable.from([...Array(18).fill(megabyte), Buffer.from('yz\nnext\n')]))
    expect(long.length).toBeLessThan(16 * 1024 * 1024 + 100)
    expect(long.replace(/x+/, 'x')).toBe('x [cut here: the line is 2097154 characters longer]')
    expect(next).toBe('next')
  })
})

describe('endProcess', () => {
  it('only closes the stdin of a process that ends by itself then', async () => {
    const started = await processes.shell('cat; exit 5')
    await endProcess(started, { clock: realClock, signal: 'SIGTERM', closeMs: 20_000 })
    expect(await started.exited).toEqual({ code: 5, signal: null })
  })

  it('sends the signal to one that goes on without stdin', async () => {
    const script = 'process.on("SIGINT", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000)'
    const started = await ready(processes.node(script))
    await endProcess(started, { clock: realClock, signal: 'SIGINT', closeMs: 1, signalMs: 20_000 })
    expect(await started.exited).toEqual({ code: 7, signal: null })
  })

  it('kills one that does not heed the signal', async () => {
    const started = await ready(processes.shell('trap "" TERM; echo ready; while :; do sleep 1000; done'))
    await endProcess(started, { clock: realClock, signal: 'SIGTERM', closeMs: 1, signalMs: 50 })
    expect(await started.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(await lives(started.pid)).toBe(false)
  })

  it('leaves nothing of its group: what the process left is killed too, also when it had ended long ago', async () => {
    const started = await processes.shell('trap "" TERM; sleep 1000 & echo $!; exit 0')
    const grandchild = await nextPid(linesOf(started.stdout))
    await started.exited
    await endProcess(started, { clock: realClock, signal: 'SIGTERM' })
    expect(await lives(grandchild)).toBe(false)
  })

  it('may be asked twice, at once and later', async () => {
    const started = await processes.shell('sleep 1000', { stdin: 'ignore' })
    const options = { clock: realClock, signal: 'SIGTERM' } as const
    await Promise.all([endProcess(started, options), endProcess(started, options)])
    await endProcess(started, options)
    expect(await started.exited).toEqual({ code: null, signal: 'SIGTERM' })
  })
})
