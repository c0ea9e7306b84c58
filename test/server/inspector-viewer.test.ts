import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { InspectorViewer, MAX_WAITING_BYTES, STUCK_AFTER_MS } from '../../src/server/inspector-viewer.ts'
import { actor, came, inspectorWorld, names, reached } from './inspector-world.ts'

/** A socket out of which nothing leaves before it is told so. */
class ScriptedSocket extends EventEmitter {
  readyState: number = WebSocket.OPEN
  bufferedAmount = 0
  readonly sent: string[] = []
  readonly closed: unknown[] = []
  readonly #waiting: { readonly size: number; readonly left: () => void }[] = []

  send(text: string, _options: object, left: () => void): void {
    this.sent.push(text)
    this.bufferedAmount += text.length
    this.#waiting.push({ size: text.length, left })
  }

  close(code: number, reason: string): void {
    this.readyState = WebSocket.CLOSING
    this.closed.push(code, reason)
  }

  /** Lets everything leave for the network that is waiting now. */
  leave(): void {
    for (const { size, left } of this.#waiting.splice(0)) {
      this.bufferedAmount -= size
      left()
    }
  }

  /** What was sent since this was asked last. */
  take(): string[] {
    return this.sent.splice(0)
  }
}

function world(missed: readonly string[] = []) {
  const socket = new ScriptedSocket()
  const clock = createVirtualClock()
  const gone: InspectorViewer[] = []
  const viewer = new InspectorViewer(
    socket as unknown as WebSocket,
    {},
    {
      clock,
      introduce: (session) => (session === 'forgotten' ? [] : [`actor ${session}`, `snapshot ${session}`]),
      missed: () => missed,
      gone: (who) => gone.push(who),
    },
  )
  return { socket, clock, viewer, gone }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`)
const introduced = (sessions: readonly string[]) =>
  sessions.flatMap((session) => [`actor ${session}`, `snapshot ${session}`])
const LARGE = 'x'.repeat(MAX_WAITING_BYTES)

describe('a viewer of the inspector', () => {
  it('is made acquainted with a few actors at a time', () => {
    const { socket, viewer } = world()
    viewer.begin(numbered(40))
    const batches = [socket.take()]
    for (let turn = 0; turn < 3; turn++) {
      socket.leave()
      batches.push(socket.take())
    }
    expect(batches).toEqual([
      introduced(numbered(40).slice(0, 16)),
      introduced(numbered(40).slice(16, 32)),
      introduced(numbered(40).slice(32)),
      [],
    ])
  })

  it('is told of an actor only what happens after it was made known', () => {
    const { socket, viewer } = world()
    viewer.begin(numbered(17))
    socket.take()
    viewer.tell('a0', 'event a0')
    viewer.tell('a16', 'event a16 too early')
    socket.leave()
    viewer.tell('a16', 'event a16')
    expect(socket.take()).toEqual(['event a0', 'actor a16', 'snapshot a16', 'event a16'])
  })

  it('is not told of one that was forgotten meanwhile', () => {
    const { socket, viewer } = world()
    viewer.begin(['forgotten', 'a0'])
    expect(socket.take()).toEqual(['actor a0', 'snapshot a0'])
  })

  it('gets nothing more when too much waits, and everything anew when that has left', () => {
    const { socket, viewer } = world(['a0', 'ended'])
    viewer.begin(['a0'])
    viewer.tell('a0', LARGE)
    socket.take()
    viewer.tell('a0', 'dropped')
    const behind = socket.take()
    socket.leave()
    viewer.tell('a0', 'event a0')
    expect([behind, socket.take()]).toEqual([[], [...introduced(['a0', 'ended']), 'event a0']])
  })

  it('begins anew also when it fell behind while actors were made known', () => {
    const { socket, viewer } = world(numbered(20))
    viewer.begin(numbered(40))
    viewer.tell('a0', LARGE)
    socket.take()
    socket.leave()
    const first = socket.take()
    socket.leave()
    expect([first, socket.take()]).toEqual([introduced(numbered(16)), introduced(numbered(20).slice(16))])
  })

  it('is closed when nothing of what waits leaves for 30 s', async () => {
    const { socket, viewer, clock } = world()
    viewer.tell('a0', LARGE)
    viewer.tell('a0', LARGE)
    await clock.advance(STUCK_AFTER_MS - 1)
    const before = [...socket.closed]
    await clock.advance(1)
    expect([before, socket.closed]).toEqual([[], [4008, 'Too slow: nothing was taken for 30 s.']])
  })

  it('may fall behind as often as it catches up', async () => {
    const { socket, viewer, clock } = world()
    for (let turn = 0; turn < 5; turn++) {
      viewer.tell('a0', LARGE)
      viewer.tell('a0', 'more')
      await clock.advance(STUCK_AFTER_MS - 1)
      socket.leave()
    }
    expect([socket.closed, clock.pending()]).toEqual([[], 0])
  })

  it('leaves nothing behind when it goes', () => {
    const { socket, viewer, clock, gone } = world()
    viewer.tell('a0', LARGE)
    viewer.tell('a0', LARGE)
    socket.readyState = WebSocket.CLOSED
    socket.emit('close')
    socket.leave()
    expect([gone, clock.pending(), socket.take().length]).toEqual([[viewer], 0, 2])
  })

  it('is caught up over a real connection that stood still, with those who ended meanwhile', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('spec'), actor('plan')]
    const viewer = await watch()
    await viewer.count(4)
    viewer.socket.pause()
    const padding = Object.fromEntries(Array.from({ length: 50 }, (_, key) => [`${key}${'x'.repeat(190)}`, key]))
    const FLOOD = 3000
    for (let turn = 0; turn < FLOOD; turn++) orchestrator.showInspectors(came('spec', { type: 'noise', ...padding }))
    orchestrator.showInspectors(reached('plan', 'completed', { status: 'done' }))
    orchestrator.showInspectors(reached('spec', { live: 'reporting' }))
    const anew = new Promise<void>((resolve) => {
      viewer.socket.on('message', (data) => {
        if (names([JSON.parse(String(data))])[0] === 'snapshot plan') resolve()
      })
    })
    viewer.socket.resume()
    await anew
    const told = viewer.shown.slice(4)
    const noise = told.filter(({ event }) => (event as { type?: string } | undefined)?.type === 'noise').length
    const rest = told.slice(noise)
    expect(noise).toBeLessThan(FLOOD)
    expect([names(rest), rest.map(({ snapshot }) => (snapshot as { value: unknown }).value)]).toEqual([
      ['actor spec', 'snapshot spec', 'actor plan', 'snapshot plan'],
      [{ live: 'reporting' }, { live: 'reporting' }, 'completed', 'completed'],
    ])
  })
})
