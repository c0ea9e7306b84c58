import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../host/temporary-folder.ts'
import { type FakeOptions, talkTo } from './fake-agent.ts'

const never = new AbortController().signal

async function images(folderName = 'images') {
  const folder = join(await temporaryFolder(), folderName)
  mkdirSync(folder)
  return ['image-1.png', 'image-2.png'].map((name) => {
    writeFileSync(join(folder, name), name)
    return { path: join(folder, name), type: 'image/png' }
  })
}

const CLAUDE = `
const { message } = JSON.parse(await heard())
const told = message.content.map(({ type, source, text }) => text ?? [type, source.media_type, Buffer.from(source.data, 'base64').toString()].join(' '))
say({ type: 'system', subtype: 'init', session_id: args[args.indexOf('--session-id') + 1] })
say({ type: 'result', subtype: 'success', is_error: false, result: told.join(', '), session_id: 's' })`

const CODEX = `
await prompt()
say({ type: 'thread.started', thread_id: 'thread' }, { type: 'turn.started' })
say({ type: 'item.completed', item: { id: 'item_0', type: 'agent_message', text: 'ok' } })
say({ type: 'turn.completed', usage: { input_tokens: 1, output_tokens: 1 } })`

async function talk(name: string, script: string, options: FakeOptions) {
  const world = talkTo(name, script, options)
  await world.conversation.open(never)
  return world
}

describe('images of a task', () => {
  it('are a part of the first prompt of claude, and of none after it', async () => {
    const { conversation } = await talk('claude', CLAUDE, { images: await images() })
    expect(await conversation.turn('look')).toMatchObject({
      text: 'image image/png image-1.png, image image/png image-2.png, look',
    })
    expect(await conversation.turn('again')).toMatchObject({ text: 'again' })
  })

  it('are arguments of the first turn of codex', async () => {
    const shown = await images()
    const { conversation, calls } = await talk('codex', CODEX, { images: shown })
    await conversation.turn('look')
    await conversation.turn('again')
    const ofImages = calls().flatMap(({ args }) => (args ? [args.filter((arg) => arg.startsWith('--image'))] : []))
    expect(ofImages).toEqual([shown.map(({ path }) => `--image=${path}`), []])
  })

  it('are shown in a session that is gone on with where it has not seen them', async () => {
    const shown = await images()
    const argsOf = async (hasSeenImages: boolean) => {
      const { conversation, calls } = await talk('codex', CODEX, { images: shown, session: 'thread', hasSeenImages })
      await conversation.turn('look')
      await conversation.turn('again')
      return calls().flatMap(({ args }) => (args ? [args.filter((arg) => arg.startsWith('--image')).length] : []))
    }
    expect([await argsOf(true), await argsOf(false)]).toEqual([
      [0, 0],
      [2, 0],
    ])
  })

  it('are refused where codex would lose them without a word', async () => {
    const shown = await images('a,b')
    const { conversation, calls } = talkTo('codex', CODEX, { images: shown })
    const what = `Codex cannot be shown an image below a folder with a comma in its name: ${shown[0]?.path}`
    const message = `${what}. Choose another data folder (--data-dir).`
    expect(await conversation.turn('look')).toEqual({
      kind: 'failed',
      failure: { kind: 'refused', message, retryable: false },
      text: '',
    })
    expect(calls()).toEqual([])
  })

  it('are arguments of a described agent, as often as there are images', async () => {
    const shown = await images()
    const described = { args: ['run', ['--look', '{image}']] }
    const { conversation, calls } = await talk('mine', `await prompt(); say('ok')`, { described, images: shown })
    await conversation.turn('look')
    expect(calls()[0]?.args).toEqual(['run', ...shown.flatMap(({ path }) => ['--look', path])])
    const without = await talk('mine', `await prompt(); say('ok')`, { described })
    await without.conversation.turn('look')
    expect(without.calls()[0]?.args).toEqual(['run'])
  })

  it('are refused where the description does not say how they are shown', async () => {
    const { conversation, calls } = talkTo('mine', '', { described: { args: [] }, images: await images() })
    await expect(conversation.open(never)).rejects.toMatchObject({
      kind: 'refused',
      retryable: false,
      message:
        "mine cannot be shown images: leave out 'images', or say in its description how it is shown one: an argument with {image}.",
    })
    expect(calls()).toEqual([])
  })
})
