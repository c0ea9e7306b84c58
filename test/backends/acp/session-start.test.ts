import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { KeptImage } from '../../../src/backends/local/conversation.ts'
import { play } from '../../support/acp-agent/script.ts'
import { deferred } from '../../support/deferred.ts'
import { converse, type TestWorld, UNHURRIED, type WorldOptions } from './conversation-world.ts'

async function sessionFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-acp-sessions-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A session that an earlier process made: its id. */
async function earlier(options: WorldOptions): Promise<string> {
  const { conversation, agents } = await converse(options)
  await conversation.open(UNHURRIED)
  await conversation.turn(play({ say: 'first' }))
  await conversation.stop()
  const prompt = agents[0]?.heard.find(({ method }) => method === 'session/prompt')?.params as { sessionId: string }
  return prompt.sessionId
}

async function trouble(world: WorldOptions): Promise<unknown> {
  const { conversation, agents } = await converse(world)
  const error = await conversation.open(UNHURRIED).catch((thrown: unknown) => thrown)
  expect(agents.map((agent) => agent.isEnded())).toEqual([true])
  return error
}

describe('a session', () => {
  it('is new when there was none before', async () => {
    const { conversation, agents, cwd } = await converse()
    await conversation.open(UNHURRIED)
    expect(agents[0]?.heard).toEqual([
      {
        method: 'initialize',
        params: expect.objectContaining({ protocolVersion: 1 }),
      },
      { method: 'session/new', params: { cwd, mcpServers: [] } },
    ])
  })

  it('is resumed where that is offered, without its history', async () => {
    const settings = { resume: true, load: true, sessions: await sessionFolder() }
    const session = await earlier({ settings })
    const { conversation, heard } = await converse({ settings, options: { session } })
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ recall: true }))).toMatchObject({
      text: '{"turns":2,"steers":[],"mode":"default"}',
    })
    expect(heard()).toEqual(['initialize', 'session/resume', 'session/prompt'])
  })

  it('is loaded where it cannot be resumed, and its history is not taken for news', async () => {
    const settings = { load: true, sessions: await sessionFolder() }
    const session = await earlier({ settings })
    const { conversation, heard, seen } = await converse({ settings, options: { session } })
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ say: 'second' }))).toEqual({
      kind: 'complete',
      text: 'second',
      reason: 'end_turn',
    })
    expect(heard()).toEqual(['initialize', 'session/load', 'session/prompt'])
    expect(seen).toEqual([
      { kind: 'note', text: 'its session is ready' },
      { kind: 'text', text: 'second' },
    ])
  })

  it('is new when it can be neither resumed nor loaded', async () => {
    const { conversation, heard, told } = await converse({ options: { session: 'old' } })
    await conversation.open(UNHURRIED)
    expect(heard()).toEqual(['initialize', 'session/new'])
    expect(told).toEqual(['process 4242', 'session-1'])
  })

  it('is new when the old one is lost', async () => {
    const world = await converse({ settings: { resume: true, load: true }, options: { session: 'lost' } })
    await world.conversation.open(UNHURRIED)
    expect(world.heard()).toEqual(['initialize', 'session/resume', 'session/load', 'session/new'])
    expect(world.seen).toEqual([
      { kind: 'note', text: 'session/resume failed: Resource not found: lost' },
      { kind: 'note', text: 'session/load failed: Resource not found: lost' },
      { kind: 'note', text: 'its session cannot be gone on with: a new one begins' },
      { kind: 'note', text: 'its session is ready' },
    ])
  })

  it('is set to the first wanted mode that there is, also when it is resumed', async () => {
    const settings = { resume: true, modes: ['yolo', 'ask'], sessions: await sessionFolder() }
    const profile = { modes: ['careful', 'ask'] }
    const session = await earlier({ settings, profile })
    const { conversation } = await converse({ settings, profile, options: { session } })
    await conversation.open(UNHURRIED)
    expect(await conversation.turn(play({ recall: true }))).toMatchObject({
      text: '{"turns":2,"steers":[],"mode":"ask"}',
    })
  })

  it('has the model of the order, else the one of the description', async () => {
    const settings = { models: ['small', 'large', 'huge'] }
    const ordered = await converse({ settings, profile: { model: 'large' }, options: { model: 'huge' } })
    await ordered.conversation.open(UNHURRIED)
    const described = await converse({ settings, profile: { model: 'large' } })
    await described.conversation.open(UNHURRIED)
    const set = [ordered, described].map(({ agents }) => agents[0]?.heard.at(-1)?.params)
    expect(set).toMatchObject([
      { configId: 'model', value: 'huge' },
      { configId: 'model', value: 'large' },
    ])
  })

  it('is given a title where it would ask a model for one, and goes on without where it takes none', async () => {
    const { conversation, agents, seen } = await converse({ profile: { titled: true } })
    await conversation.open(UNHURRIED)
    expect(agents[0]?.isEnded()).toBe(false)
    expect(seen).toEqual([
      { kind: 'note', text: 'its session has no title: "Method not found": session/set_title' },
      { kind: 'note', text: 'its session is ready' },
    ])
  })

  it('is logged in to with a key of the environment, when that is demanded', async () => {
    const keyLogin = { method: 'api-key', variables: ['OTHER_KEY', 'A_KEY'] }
    const { conversation, heard } = await converse({
      settings: { login: 'api-key' },
      profile: { keyLogin },
      options: { env: { A_KEY: 'secret' } },
    })
    await conversation.open(UNHURRIED)
    expect(heard()).toEqual(['initialize', 'session/new', 'authenticate', 'session/new'])
  })
})

describe('an agent that cannot be opened', () => {
  it('says how to log in', async () => {
    expect(await trouble({ settings: { login: 'browser' } })).toMatchObject({
      kind: 'auth',
      retryable: false,
      message: "acp:scripted is not logged in (Authentication required). Run 'scripted login'.",
    })
  })

  it('is refused when it speaks another version of the protocol', async () => {
    expect(await trouble({ settings: { version: 2 } })).toMatchObject({
      kind: 'refused',
      message:
        'acp:scripted speaks version 2 of the Agent Client Protocol, troupe speaks version 1. ' +
        'Install a version of it that does. Make it with the SDK.',
    })
  })

  it('is refused when it has none of the modes that it is to work in', async () => {
    expect(await trouble({ settings: { modes: ['yolo'] }, profile: { modes: ['ask'] } })).toMatchObject({
      kind: 'refused',
      message: "acp:scripted has none of the modes ask: it offers yolo. Set 'mode' in its description.",
    })
  })

  it('is refused a model that it does not have', async () => {
    expect(await trouble({ settings: { models: ['small'] }, options: { model: 'huge' } })).toMatchObject({
      kind: 'refused',
      message: "acp:scripted does not take the model 'huge' (Invalid params). It offers small.",
    })
    expect(await trouble({ options: { model: 'huge' } })).toMatchObject({ kind: 'refused' })
  })

  it('counts as crashed when it ends at once, with what it wrote last', async () => {
    const diesAtStart = { code: 3, words: 'no such config' }
    expect(await trouble({ settings: { diesAtStart } })).toMatchObject({
      kind: 'crashed',
      retryable: true,
      message: 'acp:scripted ended with code 3 during initialize. Its standard error ended with: no such config',
    })
  })

  it('is refused when it prints lines and lines that are no messages', async () => {
    const prints = Array.from({ length: 60 }, (_, n) => `line ${n}`)
    expect(await trouble({ settings: { prints } })).toMatchObject({
      kind: 'refused',
      message: 'acp:scripted prints what is no message of the Agent Client Protocol: line 50',
    })
  })

  it.each(['initialize', 'session/new'])('is given up when it hangs in %s, with what it printed', async (hangsIn) => {
    const { conversation, heard, until, clock, agents } = await converse({ settings: { hangsIn, prints: ['Hello!'] } })
    const opening = conversation.open(UNHURRIED).catch((error: unknown) => error)
    await until(() => heard().includes(hangsIn))
    await clock.advance(60_000)
    expect(await opening).toMatchObject({
      kind: 'timeout',
      retryable: true,
      message:
        `acp:scripted did not answer ${hangsIn} within 60 s. ` +
        'It printed what is no message of the protocol: Hello!',
    })
    expect(agents.map((agent) => agent.isEnded())).toEqual([true])
  })

  it('is given up when its opening is', async () => {
    const { conversation, heard, until, agents } = await converse({ settings: { hangsIn: 'session/new' } })
    const abort = new AbortController()
    const opening = conversation.open(abort.signal).catch((error: unknown) => error)
    await until(() => heard().includes('session/new'))
    abort.abort(new Error('not any more'))
    expect(await opening).toEqual(new Error('not any more'))
    expect(agents.map((agent) => agent.isEnded())).toEqual([true])
  })
})

describe('a session in a worktree that is being filled', () => {
  it('begins when all is there, in a process that was started before', async () => {
    const whole = deferred()
    const options = { whole: whole.promise }
    const { conversation, told, heard, until } = await converse({ profile: { startsEarly: true }, options })
    const opening = conversation.open(UNHURRIED)
    await until(() => heard().length > 0)
    expect([heard(), told]).toEqual([['initialize'], [expect.stringMatching(/^process /)]])
    whole.resolve()
    await opening
    expect(heard()).toEqual(['initialize', 'session/new'])
  })

  it('begins in no process that would read its folder too early', async () => {
    const whole = deferred()
    const { conversation, agents } = await converse({ options: { whole: whole.promise } })
    const opening = conversation.open(UNHURRIED)
    expect(agents).toEqual([])
    whole.resolve()
    await opening
    expect(agents).toHaveLength(1)
  })

  it('begins in another process where another version would be chosen for what has come', async () => {
    const whole = deferred()
    const options = { whole: whole.promise }
    const { conversation, cwd, heard, until } = await converse({ profile: { startsEarly: true }, options })
    const opening = conversation.open(UNHURRIED)
    await until(() => heard().length > 0)
    await writeFile(join(cwd, '.tool-versions'), 'nodejs 22.0.0\n')
    whole.resolve()
    await expect(opening).rejects.toMatchObject({ kind: 'crashed', retryable: true })
    expect(heard()).toEqual(['initialize'])
  })

  it('never begins where there will be none: its process is ended, whether or not it has answered', async () => {
    for (const settings of [{}, { hangsIn: 'initialize' }]) {
      const whole = deferred()
      const options = { whole: whole.promise }
      const world = await converse({ settings, profile: { startsEarly: true }, options })
      const opening = world.conversation.open(UNHURRIED)
      await world.until(() => world.heard().length > 0)
      whole.reject(new Error('a conflict'))
      await expect(opening).rejects.toThrow('a conflict')
      expect([world.heard(), world.agents.map((agent) => agent.isEnded())]).toEqual([['initialize'], [true]])
    }
  })
})

describe('images', () => {
  const block = { type: 'image', mimeType: 'image/png', data: Buffer.from('pixels').toString('base64') }

  async function image(): Promise<KeptImage> {
    const path = join(await sessionFolder(), 'image-1.png')
    await writeFile(path, 'pixels')
    return { path, type: 'image/png' }
  }

  const isBlock = (part: unknown) => JSON.stringify(sorted(part)) === JSON.stringify(sorted(block))
  const sorted = (part: unknown) => Object.entries(part as object).sort()

  /** Whether each prompt showed it the image. */
  const shown = ({ agents }: TestWorld) =>
    agents.flatMap(({ heard }) =>
      heard.flatMap(({ method, params }) =>
        method === 'session/prompt' ? [(params as { prompt: unknown[] }).prompt.some(isBlock)] : [],
      ),
    )

  it('are shown with the first prompt of a session', async () => {
    const world = await converse({ settings: { images: true }, options: { images: [await image()] } })
    await world.conversation.open(UNHURRIED)
    await world.conversation.turn(play({ say: 'first' }))
    await world.conversation.turn(play({ say: 'second' }))
    expect(shown(world)).toEqual([true, false])
  })

  it('are shown in a session that is gone on with where it has not seen them, and never twice', async () => {
    const settings = { resume: true, images: true, sessions: await sessionFolder() }
    const session = await earlier({ settings })
    for (const hasSeenImages of [true, false]) {
      const world = await converse({ settings, options: { session, hasSeenImages, images: [await image()] } })
      await world.conversation.open(UNHURRIED)
      await world.conversation.turn(play({ say: 'second' }))
      await world.conversation.turn(play({ say: 'third' }))
      expect(shown(world)).toEqual([!hasSeenImages, false])
      await world.conversation.stop()
    }
  })

  it('are shown by the next process where the first has ended before its prompt', async () => {
    const settings = { resume: true, images: true, sessions: await sessionFolder() }
    const world = await converse({ settings, options: { images: [await image()] } })
    await world.conversation.open(UNHURRIED)
    await world.agents[0]?.wire.end()
    // Its end has to be heard of.
    await new Promise((resolve) => setImmediate(resolve))
    await world.conversation.turn(play({ say: 'first' }))
    expect([world.agents.length, shown(world)]).toEqual([2, [true]])
  })

  it('are refused where the agent takes none', async () => {
    expect(await trouble({ options: { images: [await image()] } })).toMatchObject({
      kind: 'refused',
      retryable: false,
      message: "acp:scripted cannot be shown images: leave out 'images', or choose another agent.",
    })
  })
})
