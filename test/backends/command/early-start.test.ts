import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../support/deferred.ts'
import { until } from '../../support/scripted-agent.ts'
import { lives, talkTo } from './fake-agent.ts'

const never = new AbortController().signal
/** Notes what is in its folder when it starts; its answer is that it has ended well. */
const CODEX = `
note({ pid: process.pid, sees: fs.readdirSync('.') })
await prompt()
say({ type: 'thread.started', thread_id: 'thread' }, { type: 'turn.started' })
say({ type: 'item.completed', item: { id: 'item_0', type: 'agent_message', text: fs.readdirSync('.').join() } })
say({ type: 'turn.completed', usage: { input_tokens: 1, output_tokens: 1 } })`

function world(script = CODEX, name = 'codex', set: (folder: string) => Readonly<Record<string, string>> = () => ({})) {
  const whole = deferred()
  const talk = talkTo(name, script, { whole: whole.promise, set })
  const starts = () => talk.calls().filter(({ pid }) => pid !== undefined)
  const fill = (...names: string[]) => {
    for (const file of names) writeFileSync(join(talk.cwd, file), 'x')
  }
  return { ...talk, whole, starts, fill }
}

function isReaped(pid: number): boolean {
  try {
    return !process.kill(pid, 0)
  } catch {
    return true
  }
}

describe('codex in a worktree that is being filled', () => {
  it('is started at once, and told its prompt when all is there', async () => {
    const { conversation, whole, starts, fill, calls, processes } = world()
    const opening = conversation.open(never)
    await until(() => starts().length > 0)
    fill('AGENTS.md')
    whole.resolve()
    await opening
    expect([calls().some(({ heard }) => heard !== undefined), processes]).toEqual([false, []])
    expect(await conversation.turn('go')).toMatchObject({ kind: 'complete', text: 'AGENTS.md' })
    expect(starts()).toEqual([{ pid: processes[0], sees: [] }])
  })

  it('is started again where there is something that it has read too early', async () => {
    const { conversation, whole, starts, fill, cwd, processes } = world()
    const opening = conversation.open(never)
    await until(() => starts().length > 0)
    mkdirSync(join(cwd, '.codex'))
    fill('.codex/config.toml')
    whole.resolve()
    await opening
    expect(starts().map(({ pid = 0 }) => lives(pid))).toEqual([false])
    expect(await conversation.turn('go')).toMatchObject({ kind: 'complete', text: '.codex' })
    expect(starts().map(({ sees }) => sees)).toEqual([[], ['.codex']])
    expect(processes).toEqual([starts()[1]?.pid])
  })

  it('is started again where another version of it would be chosen for what has come', async () => {
    const { conversation, whole, starts, fill } = world()
    const opening = conversation.open(never)
    await until(() => starts().length > 0)
    fill('.tool-versions')
    whole.resolve()
    await opening
    expect(await conversation.turn('go')).toMatchObject({ kind: 'complete' })
    expect(starts().map(({ sees }) => sees)).toEqual([[], ['.tool-versions']])
  })

  it('is not started before where it would read settings above the worktree, its own home apart', async () => {
    const { conversation, whole, starts, folder } = world()
    mkdirSync(join(folder, '.codex', 'rules'), { recursive: true })
    const opening = conversation.open(never)
    whole.resolve()
    await opening
    expect(starts()).toEqual([])

    const home = world(CODEX, 'codex', (at) => ({ CODEX_HOME: join(at, '.codex') }))
    mkdirSync(join(home.folder, '.codex', 'rules'), { recursive: true })
    const opened = home.conversation.open(never)
    await until(() => home.starts().length > 0)
    home.whole.resolve()
    await opened
  })

  it('is gone where there will be no worktree', async () => {
    const { conversation, whole, starts } = world()
    const opening = conversation.open(never)
    await until(() => starts().length > 0)
    whole.reject(new Error('a conflict'))
    await expect(opening).rejects.toThrow('a conflict')
    expect(starts().map(({ pid = 0 }) => lives(pid))).toEqual([false])
  })

  it('is gone when it is stopped before its first turn', async () => {
    const { conversation, whole, starts } = world()
    const opening = conversation.open(never)
    await until(() => starts().length > 0)
    await conversation.stop()
    expect(starts().map(({ pid = 0 }) => lives(pid))).toEqual([false])
    whole.resolve()
    await opening
    expect(await conversation.turn('go')).toMatchObject({ kind: 'stopped' })
    expect(starts()).toHaveLength(1)
  })

  it('is started again where it has ended meanwhile', async () => {
    const { conversation, whole, starts } = world(
      `if (nth === 1) { note({ pid: process.pid, sees: [] }); process.exit(3) }${CODEX}`,
    )
    const opening = conversation.open(never)
    await until(() => starts().some(({ pid = 0 }) => isReaped(pid)))
    whole.resolve()
    await opening
    expect(await conversation.turn('go')).toMatchObject({ kind: 'complete' })
    expect(starts()).toHaveLength(2)
  })
})

describe('a command that may read anything in its folder', () => {
  it('is started with its first turn', async () => {
    const { conversation, whole, calls } = world('await prompt()', 'claude')
    const opening = conversation.open(never)
    whole.resolve()
    await opening
    expect(calls()).toEqual([])
  })

  it('is not ready where there will be no worktree', async () => {
    const { conversation, whole } = world('await prompt()', 'claude')
    const opening = conversation.open(never)
    whole.reject(new Error('a conflict'))
    await expect(opening).rejects.toThrow('a conflict')
  })
})
