import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readAttemptWork } from '../../../src/backends/local/attempt-work.ts'
import { createLocalBackend } from '../../../src/backends/local/local-backend.ts'
import { LocalMachine } from '../../../src/backends/local/local-machine.ts'
import type { AgentOrder, Backend } from '../../../src/domain/backend.ts'
import { BackendError } from '../../../src/domain/errors.ts'
import type { WorkspaceOrder } from '../../../src/domain/local-work.ts'
import { realClock } from '../../../src/host/clock.ts'
import { ScriptedAgent, until } from '../../support/scripted-agent.ts'

const key = { run: 'run_1', task: 'spec', attempt: 1 }
const never = new AbortController().signal
const BRANCH = 'troupe/run_1/spec/1'

let root = ''
let repository = ''
let opened: { readonly backend: Backend; readonly machine: LocalMachine }[] = []

const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim()

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'troupe-local-'))
  repository = join(root, 'shop')
  mkdirSync(join(root, 'data'))
  mkdirSync(repository)
  git('init', '-q', '-b', 'main')
  git('config', 'user.email', 'person@example.com')
  git('config', 'user.name', 'A Person')
  writeFileSync(join(repository, 'shop.txt'), 'open\n')
  git('add', '.')
  git('commit', '-qm', 'first')
})

afterEach(async () => {
  for (const { backend, machine } of opened) {
    await backend.close()
    await machine.close()
  }
  opened = []
  rmSync(root, { recursive: true, force: true })
})

/** A process of troupe that works with the agent; nothing of an earlier one is in its memory. */
function open(agent: ScriptedAgent, gate: Promise<void> = Promise.resolve(), workDir = join(root, 'work')): Backend {
  const machine = new LocalMachine({
    clock: realClock,
    dataDir: join(root, 'data'),
    runFolder: (run) => join(root, 'data', run),
    workDir,
    env: { ...process.env, SCRIPTED_KEY: 'key', CODEGEN_API_TOKEN: 'secret', TROUPE_TOKEN: 'secret' },
    gate,
  })
  const backend = createLocalBackend({ agent, machine })
  opened.push({ backend, machine })
  return backend
}

function order(workspace: Partial<WorkspaceOrder> = {}): AgentOrder {
  return {
    key,
    prompt: 'Write the spec.\n\n[troupe:run_1/spec/1/1]',
    workspace: {
      repository,
      needs: [],
      onConflict: 'escalate',
      setup: [],
      permissions: { rest: 'reject', deadlineMs: 1_000, allow: [] },
      ...workspace,
    },
  }
}

/** Created, with its first turn under way. */
async function begun(agent: ScriptedAgent, backend: Backend, given = order()) {
  const [turn, ref] = await Promise.all([agent.nextTurn(), backend.create(given, never)])
  return { turn, ref }
}

async function ended(backend: Backend, ref: Awaited<ReturnType<Backend['create']>>) {
  await until(async () => !['active', 'paused'].includes((await backend.read(ref, never)).status))
  const { at: _, ...state } = await backend.read(ref, never)
  return state
}

describe('a local agent run', () => {
  it('works in a worktree of its own, with an environment that is made from nothing', async () => {
    const agent = new ScriptedAgent()
    const { turn, ref } = await begun(agent, open(agent))
    const { cwd, env } = turn.options
    expect(readFileSync(join(cwd, 'shop.txt'), 'utf8')).toBe('open\n')
    expect(cwd.startsWith(repository)).toBe(false)
    expect(env).toMatchObject({ SCRIPTED_KEY: 'key', SCRIPTED: 'yes', TROUPE_ATTEMPT: 'run_1/spec/1' })
    expect(Object.keys(env).filter((name) => /TOKEN/.test(name))).toEqual([])
    expect(turn.text).toBe('Write the spec.\n\n[troupe:run_1/spec/1/1]')
    expect(ref).toMatchObject({ backend: 'command:scripted', id: 'run_1/spec/1', extra: { branch: BRANCH } })
  })

  it('is made ready while its worktree is filled', async () => {
    const agent = new ScriptedAgent()
    const seen: unknown[] = []
    agent.onOpen = ({ cwd, whole }) => seen.push([readdirSync(cwd), whole instanceof Promise])
    const { turn } = await begun(agent, open(agent))
    expect(seen).toEqual([[[], true]])
    expect(readdirSync(turn.options.cwd).sort()).toEqual(['.git', 'shop.txt'])
    expect([agent.conversations.length, agent.openings]).toEqual([1, ['ready']])
  })

  it('is made ready anew where its folder was made anew meanwhile', async () => {
    const agent = new ScriptedAgent()
    agent.onOpen = ({ cwd, whole }) => {
      if (whole === undefined) return
      rmSync(cwd, { recursive: true })
      mkdirSync(cwd)
    }
    const { turn } = await begun(agent, open(agent))
    expect(readFileSync(join(turn.options.cwd, 'shop.txt'), 'utf8')).toBe('open\n')
    expect(turn.options.whole).toBeUndefined()
    expect(agent.openings).toEqual(['failed', 'ready'])
  })

  it('is made ready anew where its agent broke on what was not there yet, and not where it refuses', async () => {
    const failing = (kind: 'crashed' | 'refused') => {
      const agent = new ScriptedAgent()
      agent.onOpen = ({ whole }) => {
        const trouble = new BackendError('no version is set', { kind, retryable: true, certain: true })
        agent.openFails = whole === undefined ? undefined : trouble
      }
      return agent
    }
    const agent = failing('crashed')
    await begun(agent, open(agent))
    expect(agent.openings).toEqual(['failed', 'ready'])
    const refusing = failing('refused')
    const other = { ...order(), key: { ...key, task: 'other' } }
    await expect(open(refusing).create(other, never)).rejects.toThrow('no version is set')
    expect(refusing.openings).toEqual(['failed'])
  })

  it('is made ready after a setup, which takes its time', async () => {
    const agent = new ScriptedAgent()
    await begun(agent, open(agent), order({ setup: [['touch', 'set-up']] }))
    expect(agent.conversations.map(({ whole }) => whole)).toEqual([undefined])
  })

  it('leaves nothing of an agent behind where its worktree cannot be made', async () => {
    git('branch', 'troupe')
    const agent = new ScriptedAgent()
    await expect(open(agent).create(order(), never)).rejects.toThrow("The branch 'troupe' is in the way")
    expect([agent.openings, agent.turns]).toEqual([['failed'], []])
  })

  it('is shown the images of its task as they were when it began', async () => {
    const agent = new ScriptedAgent()
    const file = join(root, 'shot.jpg')
    writeFileSync(file, 'pixels')
    const images = [file, 'data:image/png;base64,cGl4ZWxz']
    const { turn } = await begun(agent, open(agent), { ...order(), images })
    rmSync(file)
    const { folder } = turn.options
    expect(turn.options.images).toEqual([
      { path: join(folder, 'images', '1.jpg'), type: 'image/jpeg' },
      { path: join(folder, 'images', '2.png'), type: 'image/png' },
    ])
    expect(turn.options.images?.map(({ path }) => readFileSync(path, 'utf8'))).toEqual(['pixels', 'pixels'])
    expect(turn.options.hasSeenImages).toBe(false)
  })

  it('is known to have seen its images once a turn of it has ended', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const images = ['data:image/png;base64,cGl4ZWxz']
    const { turn, ref } = await begun(agent, backend, { ...order(), images })
    turn.complete()
    await ended(backend, ref)
    const [later] = await Promise.all([agent.nextTurn(), backend.prompt?.(ref, { turn: 2, text: 'Go on.' }, never)])
    expect([later.options.images?.length, later.options.hasSeenImages]).toEqual([1, true])
  })

  it.each([
    ['data:text/html;base64,cGl4ZWxz', 'it is no data URI of an image in base64'],
    ['data:image/svg+xml;base64,cGl4ZWxz', 'agents of this machine are shown no SVG; make it a PNG'],
    ['/nowhere/a.svg', 'agents of this machine are shown no SVG; make it a PNG'],
    ['/nowhere/a.png', 'there is no such file'],
  ])('is refused for certain where an image cannot be sent: %s', async (image, why) => {
    const agent = new ScriptedAgent()
    const creating = open(agent).create({ ...order(), images: [image] }, never)
    await expect(creating).rejects.toMatchObject({ kind: 'invalid', retryable: false, certain: true })
    await expect(creating).rejects.toThrow(`The image '${image}' cannot be sent: ${why}.`)
    expect(agent.conversations).toEqual([])
  })

  it('is noted before its prompt leaves, and never created twice', async () => {
    const agent = new ScriptedAgent()
    const first = open(agent)
    const { turn, ref } = await begun(agent, first)
    expect(readFileSync(join(turn.options.folder, 'notes.ndjson'), 'utf8')).toContain('"fact":"turn","turn":1')
    expect(await first.create(order(), never)).toEqual(ref)
    expect(await open(new ScriptedAgent()).create(order(), never)).toEqual(ref)
    expect(agent.turns).toHaveLength(1)
  })

  it('ends by how its agent ended, with the turn whose end it is', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    turn.end({ kind: 'complete', text: 'All is written.', reason: 'end_turn', usage: { tokens: 7 } })
    expect(await ended(backend, ref)).toEqual({
      status: 'complete',
      rawStatus: 'end_turn',
      turn: 1,
      result: 'All is written.',
      pullRequests: [],
      usage: { tokens: 7 },
    })
  })

  it('fails with the reason that its agent gave', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    const failure = { kind: 'auth', message: 'Not logged in', retryable: false } as const
    turn.end({ kind: 'failed', failure, text: 'I could not.' })
    expect(await ended(backend, ref)).toEqual({
      status: 'failed',
      rawStatus: 'auth',
      turn: 1,
      result: 'I could not.',
      summary: 'Not logged in',
      failure,
      pullRequests: [],
    })
  })

  it('is told of what its agent does, and logs it', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    turn.see({ kind: 'text', text: 'I begin ' })
    turn.see({ kind: 'text', text: 'now.' })
    turn.see({ kind: 'tool', id: '1', title: 'npm test', status: 'started' })
    expect(await backend.read(ref, never)).toMatchObject({ status: 'active', progress: 'runs: npm test' })
    const entries = (await backend.logs?.(ref, 10, never)) ?? []
    expect(entries.map(({ type, tool, text }) => [type, tool, text])).toEqual([
      ['USER_MESSAGE', undefined, 'Write the spec.\n\n[troupe:run_1/spec/1/1]'],
      ['ASSISTANT_MESSAGE', undefined, 'I begin now.'],
      ['TOOL', 'npm test', 'started'],
    ])
  })

  it('takes further turns in the same session, each once', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    turn.complete()
    await ended(backend, ref)
    const [second] = await Promise.all([agent.nextTurn(), backend.prompt(ref, { turn: 2, text: 'And now?' }, never)])
    await backend.prompt(ref, { turn: 2, text: 'And now?' }, never)
    expect(await backend.findTurn(ref, { key, turn: 2 }, never)).toBe('seen')
    expect(await backend.findTurn(ref, { key, turn: 3 }, never)).toBe('absent')
    expect([second.text, second.options.session]).toEqual(['And now?', 'session-1'])
    second.complete('Then.')
    expect(await ended(backend, ref)).toMatchObject({ status: 'complete', turn: 2, result: 'Then.' })
    expect(agent.turns).toHaveLength(2)
  })

  it('takes no turn while it is at work', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { ref } = await begun(agent, backend)
    await expect(backend.prompt(ref, { turn: 2, text: 'And now?' }, never)).rejects.toMatchObject({ kind: 'refused' })
  })

  it('is paused while it asks for a permission, and goes on in the same turn with the answer', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    turn.see({ kind: 'asks', request: { id: 'p1', what: 'fetch example.invalid' } })
    expect(await backend.read(ref, never)).toMatchObject({
      status: 'paused',
      summary: 'may it do this? fetch example.invalid (answer yes or no)',
    })
    await backend.prompt(ref, { turn: 2, text: 'A person answers: yes', answer: 'Yes, do' }, never)
    expect(agent.answers).toEqual(['p1 allow'])
    expect(await backend.read(ref, never)).toMatchObject({ status: 'active' })
    turn.complete()
    expect(await ended(backend, ref)).toMatchObject({ status: 'complete', turn: 2 })
  })

  it('reads any other answer than yes as no', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    turn.see({ kind: 'asks', request: { id: 'p1', what: 'fetch example.invalid' } })
    await backend.prompt(ref, { turn: 2, text: '', answer: 'Rather not, yes?' }, never)
    expect(agent.answers).toEqual(['p1 reject'])
  })

  it('that was stopped is cancelled, and takes no further turn', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { ref } = await begun(agent, backend)
    await backend.cancel?.(ref, never)
    expect(await ended(backend, ref)).toMatchObject({ status: 'cancelled', rawStatus: 'stopped' })
    await expect(backend.prompt(ref, { turn: 2, text: 'Go on' }, never)).rejects.toMatchObject({ kind: 'refused' })
  })

  it('that cannot be opened is refused, and can be created again', async () => {
    const agent = new ScriptedAgent()
    agent.openFails = new BackendError('Not logged in', { kind: 'auth', retryable: false, certain: true })
    const backend = open(agent)
    await expect(backend.create(order(), never)).rejects.toMatchObject({ kind: 'auth' })
    expect(await backend.find(key, 0, never)).toEqual({ kind: 'absent' })
    agent.openFails = undefined
    await begun(agent, backend)
    expect(agent.turns).toHaveLength(1)
  })

  it('does not start where its setup fails, and says what that printed', async () => {
    const agent = new ScriptedAgent()
    const setup = [['node', '-e', 'console.log("no such lock file"); process.exit(3)']] as const
    const create = open(agent).create(order({ setup }), never)
    await expect(create).rejects.toThrow(/setup command 'node .* ended with code 3 .*no such lock file/s)
    expect(agent.turns).toEqual([])
  })

  it('is refused where there can be no folder for its worktree', async () => {
    const nowhere = process.platform === 'linux' ? '/proc/1/troupe' : '/dev/null/troupe'
    const create = open(new ScriptedAgent(), undefined, nowhere).create(order(), never)
    await expect(create).rejects.toThrow(/^The folder for a worktree, .* cannot be made: .*Set TROUPE_WORK_DIR/)
  })

  it('of another backend is not known', async () => {
    const backend = open(new ScriptedAgent())
    const other = { backend: 'acp:claude', id: 'run_1/spec/1' }
    await expect(backend.read(other, never)).rejects.toMatchObject({ kind: 'not-found' })
  })
})

describe('a limit of its provider', () => {
  it('that ends soon is waited for, and the turn goes on in the same session', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    const again = agent.nextTurn()
    const failure = { kind: 'limit', message: '429', retryable: true, notBefore: realClock.now() } as const
    turn.end({ kind: 'failed', failure, text: '' })
    const second = await again
    expect(second.text).toContain('Your provider made you wait')
    expect(second.text).toContain('Write the spec.')
    expect(agent.conversations).toHaveLength(1)
    second.complete()
    expect(await ended(backend, ref)).toMatchObject({ status: 'complete', turn: 1 })
  })

  it('that ends late ends the turn, which says when it may be tried again', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    const notBefore = realClock.now() + 5 * 60 * 60_000
    turn.end({ kind: 'failed', failure: { kind: 'limit', message: 'used up', retryable: true, notBefore }, text: '' })
    expect(await ended(backend, ref)).toMatchObject({ status: 'failed', failure: { kind: 'limit', notBefore } })
  })
})

describe('a turn that the end of troupe interrupted', () => {
  it('goes on in the same session when it is followed again, told all that was asked', async () => {
    const former = new ScriptedAgent()
    const first = open(former)
    const { ref } = await begun(former, first)
    await first.close()
    expect(former.stops).toBeGreaterThan(0)
    const agent = new ScriptedAgent()
    const backend = open(agent)
    expect(await backend.read(ref, never)).toMatchObject({ status: 'active', rawStatus: 'interrupted' })
    const again = agent.nextTurn()
    const watch = new AbortController()
    const followed = backend.follow(ref, () => {}, watch.signal)
    const turn = await again
    expect(turn.options.session).toBe('session-1')
    expect(turn.text).toMatch(/^You were interrupted.*Write the spec\.\n\n\[troupe:run_1\/spec\/1\/1\]$/s)
    turn.complete()
    expect(await ended(backend, ref)).toMatchObject({ status: 'complete', turn: 1 })
    watch.abort()
    await followed
  })

  it('waits as long as nothing may be started', async () => {
    const former = new ScriptedAgent()
    const first = open(former)
    const { ref } = await begun(former, first)
    await first.close()
    let openGate = () => {}
    const gate = new Promise<void>((resolve) => {
      openGate = resolve
    })
    const agent = new ScriptedAgent()
    const backend = open(agent, gate)
    const watch = new AbortController()
    const followed = backend.follow(ref, () => {}, watch.signal)
    await backend.read(ref, never)
    expect(agent.turns).toEqual([])
    const again = agent.nextTurn()
    openGate()
    ;(await again).complete()
    await ended(backend, ref)
    watch.abort()
    await followed
  })

  it('is taken over by another session where the former is lost', async () => {
    const former = new ScriptedAgent()
    const first = open(former)
    const { ref } = await begun(former, first)
    await first.close()
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const watch = new AbortController()
    const lost = agent.nextTurn()
    const followed = backend.follow(ref, () => {}, watch.signal)
    const gone = await lost
    const fresh = agent.nextTurn()
    gone.end({ kind: 'failed', failure: { kind: 'not-found', message: 'no such session', retryable: true }, text: '' })
    const turn = await fresh
    expect(turn.options.session).toBeUndefined()
    expect(turn.text).toMatch(/^An agent before you was interrupted/)
    turn.complete()
    await ended(backend, ref)
    watch.abort()
    await followed
  })

  it('keeps its end where it had ended before', async () => {
    const former = new ScriptedAgent()
    const first = open(former)
    const { turn, ref } = await begun(former, first)
    turn.complete('All of it.')
    await ended(first, ref)
    await first.close()
    const agent = new ScriptedAgent()
    const backend = open(agent)
    expect(await ended(backend, ref)).toMatchObject({ status: 'complete', result: 'All of it.' })
    expect(agent.conversations).toEqual([])
  })
})

describe('the work of a local agent', () => {
  it('is committed to its branch, and told by git', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    writeFileSync(join(turn.options.cwd, 'spec.md'), 'one\ntwo\n')
    turn.complete()
    await ended(backend, ref)
    const work = await backend.collect?.(ref, 1, never)
    expect(work).toEqual({
      repository,
      branch: BRANCH,
      base: git('rev-parse', 'main'),
      commit: git('rev-parse', BRANCH),
      commits: 1,
      files: [{ path: 'spec.md', added: 2, removed: 0 }],
      fileCount: 1,
      added: 2,
      removed: 0,
    })
    expect(await backend.collect?.(ref, 1, never)).toEqual(work)
    expect(git('status', '--porcelain')).toBe('')
  })

  it('is checked where it lies, as it was committed; what the check leaves behind is none of it', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn, ref } = await begun(agent, backend)
    writeFileSync(join(turn.options.cwd, 'spec.md'), 'wrong\n')
    turn.complete()
    await ended(backend, ref)
    const test = `const fs=require('fs');fs.writeFileSync('report.txt','x');const t=fs.readFileSync('spec.md','utf8');console.log('read '+t);process.exit(t==='right\\n'?0:1)`
    const check = { commands: [['node', '-e', test]] as const, rounds: 1, timeoutMs: 60_000 }
    expect(await backend.check?.(ref, { turn: 1, check }, never)).toMatchObject({
      passed: false,
      exitCode: 1,
      output: expect.stringContaining('read wrong'),
    })
    const [second] = await Promise.all([agent.nextTurn(), backend.prompt(ref, { turn: 2, text: 'Mend it' }, never)])
    writeFileSync(join(second.options.cwd, 'spec.md'), 'right\n')
    rmSync(join(second.options.cwd, 'report.txt'))
    second.complete()
    await ended(backend, ref)
    expect(await backend.check?.(ref, { turn: 2, check }, never)).toMatchObject({ passed: true, exitCode: 0 })
    const work = await backend.collect?.(ref, 2, never)
    expect(work?.files.map(({ path }) => path)).toEqual(['spec.md'])
    backend.release?.(key)
    await backend.close()
    expect(git('rev-parse', BRANCH)).toBe(work?.commit)
  })

  it('stays on its branch when the attempt is let go; the worktree goes', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const { turn } = await begun(agent, backend)
    writeFileSync(join(turn.options.cwd, 'half.md'), 'half\n')
    backend.release?.(key)
    backend.release?.(key)
    await backend.close()
    expect(git('show', `${BRANCH}:half.md`)).toBe('half')
    expect(git('worktree', 'list').split('\n')).toHaveLength(1)
    expect(await readAttemptWork(join(root, 'data', 'run_1'))).toMatchObject([
      { task: 'spec', attempt: 1, state: 'cancelled', branch: BRANCH, work: { fileCount: 1, commits: 1 } },
    ])
  })

  it('is none where the attempt was let go before its agent was told anything', async () => {
    git('branch', 'troupe')
    const backend = open(new ScriptedAgent())
    await expect(backend.create(order(), never)).rejects.toThrow("The branch 'troupe' is in the way")
    backend.release?.(key)
    await backend.close()
    expect(await readAttemptWork(join(root, 'data', 'run_1'))).toMatchObject([
      { task: 'spec', attempt: 1, state: 'not-started', turns: 0 },
    ])
    expect(readdirSync(join(root, 'work'), { recursive: true }).filter((name) => name.includes('run_1'))).toEqual([])
  })

  it('leaves no worktree where it was given up while that was being made', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    // Git has made it, and hangs in filling it.
    const begun = join(root, 'begun')
    git('config', 'filter.hangs.smudge', `touch '${begun}'; sleep 600`)
    writeFileSync(join(repository, '.gitattributes'), '*.txt filter=hangs\n')
    git('add', '.gitattributes')
    git('commit', '-qm', 'second')
    const given = new AbortController()
    const creating = backend.create(order(), given.signal)
    await Promise.all([until(() => existsSync(begun)).then(() => given.abort()), expect(creating).rejects.toThrow()])
    backend.release?.(key)
    await backend.close()
    expect(git('worktree', 'list').split('\n')).toHaveLength(1)
    expect(readdirSync(join(root, 'work'), { recursive: true }).filter((name) => name.includes('run_1'))).toEqual([])
  })

  it('starts with what was needed, merged', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const needs = []
    for (const task of ['a', 'b']) {
      const [turn, ref] = await Promise.all([
        agent.nextTurn(),
        backend.create({ ...order(), key: { ...key, task } }, never),
      ])
      writeFileSync(join(turn.options.cwd, `${task}.md`), task)
      turn.complete()
      await ended(backend, ref)
      const work = await backend.collect?.(ref, 1, never)
      needs.push({ task, attempt: 1, commit: work?.commit ?? '' })
    }
    const { turn } = await begun(agent, backend, order({ needs }))
    expect(['a', 'b'].map((task) => readFileSync(join(turn.options.cwd, `${task}.md`), 'utf8'))).toEqual(['a', 'b'])
  })

  it('that cannot be merged is a conflict, or goes to the agent with its files named', async () => {
    const agent = new ScriptedAgent()
    const backend = open(agent)
    const needs = []
    for (const task of ['a', 'b']) {
      const [turn, ref] = await Promise.all([
        agent.nextTurn(),
        backend.create({ ...order(), key: { ...key, task } }, never),
      ])
      writeFileSync(join(turn.options.cwd, 'shop.txt'), `${task}\n`)
      turn.complete()
      await ended(backend, ref)
      needs.push({ task, attempt: 1, commit: (await backend.collect?.(ref, 1, never))?.commit ?? '' })
    }
    await expect(backend.create(order({ needs }), never)).rejects.toMatchObject({ kind: 'conflict', retryable: false })
    backend.release?.(key)
    const { turn, ref } = await begun(agent, backend, order({ needs, onConflict: 'agent' }))
    expect(turn.text).toMatch(/^Before anything else: .*"shop\.txt".*Write the spec\./s)
    turn.complete('I left it.')
    await ended(backend, ref)
    await expect(backend.collect?.(ref, 1, never)).rejects.toMatchObject({ kind: 'conflict' })
    const [second] = await Promise.all([agent.nextTurn(), backend.prompt(ref, { turn: 2, text: 'Do it' }, never)])
    writeFileSync(join(second.options.cwd, 'shop.txt'), 'a and b\n')
    second.complete()
    await ended(backend, ref)
    expect(await backend.collect?.(ref, 2, never)).toMatchObject({ fileCount: 1 })
  })
})
