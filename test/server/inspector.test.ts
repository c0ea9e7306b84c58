import { once } from 'node:events'
import {
  createBrowserReceiver,
  createInspector as createTheirInspector,
  createWebSocketReceiver,
  type StatelyInspectionEvent,
} from '@statelyai/inspect'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createActor } from 'xstate'
import type { JsonObject } from '../../src/domain/json.ts'
import type { AgentPolicy } from '../../src/machines/agent-context.ts'
import { agentMachine } from '../../src/machines/agent-machine.ts'
import { createInspector, MOST_VIEWERS } from '../../src/server/inspector.ts'
import {
  actor,
  agentSnapshot,
  came,
  inspectorWorld,
  names,
  OTHER_RUN,
  RUN,
  reached,
  type Shown,
} from './inspector-world.ts'

/** Collects what a receiver of the library gives, until there is so much. */
function collect(receiver: ReturnType<typeof createWebSocketReceiver>, wanted: number) {
  return new Promise<StatelyInspectionEvent[]>((resolve) => {
    const events: StatelyInspectionEvent[] = []
    receiver.subscribe((event) => {
      events.push(event)
      if (events.length === wanted) resolve(events)
    })
  })
}

const POLICY: AgentPolicy = {
  attempts: 1,
  delayMs: 1,
  factor: 1,
  maxDelayMs: 1,
  onTimeout: false,
  timeoutMs: 60_000,
  onFailure: 'escalate',
  canCancel: false,
  seed: 1,
}
const UNSEEN = { definition: expect.any(String), createdAt: expect.stringMatching(/^\d+$/) }

describe('the inspector', () => {
  it("gives the library's own receiver its typed events", async () => {
    const { orchestrator, port } = await inspectorWorld()
    orchestrator.inspected = [actor('supervisor', { value: 'running' }), actor('spec')]
    const receiver = createWebSocketReceiver({ server: `ws://127.0.0.1:${port}/v1/inspect` })
    await collect(receiver, 4)
    const live = collect(receiver, 2)
    orchestrator.showInspectors(came('spec', { type: 'xstate.done.actor.slots', output: { at: 5 } }))
    orchestrator.showInspectors(reached('spec', { live: { creating: 'calling' } }))
    const about = { sessionId: `${RUN}/spec`, rootId: `${RUN}/supervisor`, id: null, _version: '0.7.2' }
    expect(await live).toEqual([
      {
        type: '@xstate.event',
        event: { type: 'xstate.done.actor.slots', output: { at: 5 } },
        createdAt: UNSEEN.createdAt,
        ...about,
      },
      {
        type: '@xstate.snapshot',
        event: { type: 'xstate.done.actor.slots' },
        snapshot: {
          status: 'active',
          value: { live: { creating: 'calling' } },
          context: { run: RUN, task: 'spec', attempt: 1 },
          tags: [],
          children: {},
        },
        createdAt: UNSEEN.createdAt,
        ...about,
      },
    ])
  })

  it('says of each actor what it is made of, whose child it is and how it stands', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('supervisor', { value: 'running' }), actor('spec')]
    const viewer = await watch()
    const snapshot = {
      status: 'active',
      value: { live: 'pending' },
      context: { run: RUN, task: 'spec', attempt: 1 },
      tags: [],
      children: {},
    }
    const same = { rootId: `${RUN}/supervisor`, id: null, _version: '0.7.2', createdAt: UNSEEN.createdAt }
    const [supervisor, , spec, stands] = await viewer.count(4)
    expect([supervisor?.sessionId, supervisor?.['name'], supervisor?.['parentId']]).toEqual([
      `${RUN}/supervisor`,
      `${RUN}/supervisor`,
      undefined,
    ])
    expect([spec, stands]).toEqual([
      {
        type: '@xstate.actor',
        name: 'spec',
        sessionId: `${RUN}/spec`,
        parentId: `${RUN}/supervisor`,
        definition: UNSEEN.definition,
        snapshot,
        ...same,
      },
      { type: '@xstate.snapshot', sessionId: `${RUN}/spec`, event: { type: 'xstate.init' }, snapshot, ...same },
    ])
  })

  it('sends messages of the same form as the library makes of a real actor', async () => {
    const theirs: StatelyInspectionEvent[] = []
    const library = createTheirInspector({ send: (event) => theirs.push(event) })
    const input = { run: RUN, task: 'spec', policy: POLICY }
    const real = createActor(agentMachine, { input, inspect: library.inspect }).start()
    onTestFinished(() => void real.stop())
    while (theirs.length < 3) await new Promise((resolve) => setImmediate(resolve))

    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('spec')]
    const viewer = await watch()
    await viewer.count(2)
    orchestrator.showInspectors(came('spec', { type: 'task.cancel' }, 'supervisor'))
    const ours = await viewer.count(3)
    const form = (messages: readonly object[], type: string) => {
      const found = messages.find((message) => 'type' in message && message.type === type)
      return Object.keys(found ?? {}).sort()
    }
    const types = ['@xstate.actor', '@xstate.event', '@xstate.snapshot']
    expect(types.map((type) => form(ours, type))).toEqual(types.map((type) => form(theirs, type)))
  })

  it('is understood by the receiver in the frame of the page, as the page passes it on', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('spec')]
    const viewer = await watch()
    const messages = await viewer.count(2)
    const listeners: ((event: { data: unknown }) => void)[] = []
    const told: unknown[] = []
    const parent = { postMessage: (message: unknown) => told.push(message) }
    const frame = { self: {}, top: {}, parent, addEventListener: (_: string, on: () => void) => listeners.push(on) }
    const understood: unknown[] = []
    createBrowserReceiver({ window: frame as never }).subscribe((event) => void understood.push(event))
    for (const data of messages) for (const listener of listeners) listener({ data })
    expect([told, understood]).toEqual([[{ type: '@statelyai.connected' }], messages])
  })

  it('shows a late viewer each live actor as it stands now, and then what happens', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('supervisor', { value: 'running' }), actor('spec')]
    const early = await watch()
    await early.count(4)
    for (let turn = 1; turn <= 300; turn++)
      orchestrator.showInspectors(reached('spec', { live: 'x' }, { context: { turn } }))
    orchestrator.showInspectors(actor('plan'))
    orchestrator.showInspectors(reached('spec', { live: 'reporting' }))
    const late = await watch()
    await late.count(6)
    orchestrator.showInspectors(reached('plan', { live: 'running' }))
    const shown = await late.count(7)
    expect(names(shown)).toEqual([
      'actor supervisor',
      'snapshot supervisor',
      'actor spec',
      'snapshot spec',
      'actor plan',
      'snapshot plan',
      'snapshot plan',
    ])
    expect(shown.slice(2, 4).map(({ snapshot }) => (snapshot as { value: unknown }).value)).toEqual([
      { live: 'reporting' },
      { live: 'reporting' },
    ])
  })

  it('leaves no gap and repeats nothing between how it stood and what happened then', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    const ids = Array.from({ length: 200 }, (_, index) => `task${index}`)
    const turns = new Map(ids.map((id) => [id, 0]))
    orchestrator.inspected = ids.map((id) => actor(id, { context: { turn: 0 } }))
    let running = true
    const step = () => {
      for (const [id, turn] of turns) {
        turns.set(id, turn + 1)
        orchestrator.showInspectors(reached(id, { live: 'running' }, { context: { turn: turn + 1 } }))
      }
      orchestrator.inspected = ids.map((id) => actor(id, { context: { turn: turns.get(id) ?? 0 } }))
      if (running) setImmediate(step)
    }
    step()
    const viewer = await watch()
    await viewer.count(4000)
    running = false
    const last = new Map<string, number>()
    const wrong: string[] = []
    for (const { type, sessionId, event, snapshot } of viewer.shown) {
      const { turn } = (snapshot as { context: { turn: number } }).context
      const happened = type === '@xstate.snapshot' && (event as { type: string }).type !== 'xstate.init'
      const before = last.get(sessionId)
      const expected = happened ? before === turn - 1 : before === (type === '@xstate.actor' ? undefined : turn)
      if (!expected) wrong.push(`${type} ${sessionId}: ${before} -> ${turn}`)
      last.set(sessionId, turn)
    }
    expect([wrong, last.size]).toEqual([[], ids.length])
  })

  it.each([
    ['everything', '', [`${RUN}/spec`, `${RUN}/manager`, `${OTHER_RUN}/spec`]],
    ['one run', `?run=${RUN}`, [`${RUN}/spec`, `${RUN}/manager`]],
    ['one machine of a run', `?run=${RUN}&actor=spec`, [`${RUN}/spec`]],
    ['one machine of every run', '?actor=spec', [`${RUN}/spec`, `${OTHER_RUN}/spec`]],
  ])('shows %s where that is asked for', async (_, query, sessions) => {
    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('spec'), actor('manager'), actor('spec', { run: OTHER_RUN })]
    const viewer = await watch(query)
    await viewer.count(2 * sessions.length)
    for (const [id, run] of [
      ['manager', RUN],
      ['spec', RUN],
      ['spec', OTHER_RUN],
    ] as const) {
      orchestrator.showInspectors(reached(id, { live: 'running' }, { run }))
    }
    const shown = await viewer.count(3 * sessions.length)
    expect(new Set(shown.map(({ sessionId }) => sessionId))).toEqual(new Set(sessions))
    expect(shown.length).toEqual(3 * sessions.length)
  })

  it('takes an item of a task as people type it', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    orchestrator.inspected = [actor('execute[0]'), actor('execute[1]')]
    const viewer = await watch('?actor=execute.1')
    expect(names(await viewer.count(2))).toEqual(['actor execute[1]', 'snapshot execute[1]'])
  })

  it('listens only while somebody watches', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    const before = orchestrator.inspectors
    const [first, second] = [await watch(), await watch()]
    const watched = orchestrator.inspectors
    first.socket.close()
    await first.closed()
    const halved = orchestrator.inspectors
    second.socket.close()
    await second.closed()
    while (orchestrator.inspectors > 0) await new Promise((resolve) => setImmediate(resolve))
    expect([before, watched, halved, orchestrator.inspectors]).toEqual([0, 1, 1, 0])
  })

  it('never passes on what people and agents wrote', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    const secret = 'sk-live-4242424242424242'
    const context = {
      prompt: `use ${secret}`,
      reason: `it said ${secret}`,
      failure: { kind: 'reported', message: secret, context: secret, detail: { secret }, retryable: false },
      ref: { backend: 'codegen', id: '41', url: `https://me:${secret}@example.test/trace/${secret}` },
      unknown: { nested: [secret] },
    }
    orchestrator.inspected = [actor('spec', { context })]
    const viewer = await watch()
    const output = { result: secret, output: { secret }, metrics: secret, pullRequests: [secret], url: secret }
    orchestrator.showInspectors(came('spec', { type: 'xstate.done.actor.report', output }))
    orchestrator.showInspectors(
      came('spec', { type: 'xstate.error.actor.create', error: { kind: 'auth', message: secret } }),
    )
    orchestrator.showInspectors(came('spec', { type: 'task.retry', prompt: secret }))
    orchestrator.showInspectors(came('spec', { type: 'task.complete', result: { secret } }))
    orchestrator.showInspectors(came('spec', { type: 'xstate.init', input: { token: secret } }))
    orchestrator.showInspectors(
      reached('spec', { live: 'running' }, { context, event: { type: 'task.fail', reason: secret } }),
    )
    const shown = await viewer.count(8)
    expect(JSON.stringify(shown).includes(secret)).toEqual(false)
    expect([shown[1]?.['snapshot'], shown[3]?.['event'], shown[4]?.['event']]).toEqual([
      {
        ...agentSnapshot({ live: 'pending' }),
        context: {
          run: RUN,
          task: 'spec',
          attempt: 1,
          prompt: '[30 bytes]',
          reason: '[34 bytes]',
          failure: {
            kind: 'reported',
            message: '[26 bytes]',
            context: '[26 bytes]',
            detail: '[37 bytes]',
            retryable: false,
          },
          ref: { backend: 'codegen', id: '41', url: '[81 bytes]' },
          unknown: '[39 bytes]',
        },
        tags: [],
        children: {},
      },
      { type: 'xstate.error.actor.create', error: { kind: 'auth', message: '[26 bytes]' } },
      { type: 'task.retry', prompt: '[26 bytes]' },
    ])
  })

  it('survives what is no JSON', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    orchestrator.inspected = [actor('spec')]
    const viewer = await watch()
    orchestrator.showInspectors(
      came('spec', { type: 'odd', circle: circle as JsonObject, big: 1n as unknown as number }),
    )
    expect((await viewer.count(3))[2]?.['event']).toEqual({ type: 'odd', circle: '[hidden]', big: '[hidden]' })
  })

  it('cuts long texts, and leaves out a context that is too large', async () => {
    const { orchestrator, watch } = await inspectorWorld()
    const huge = Object.fromEntries(Array.from({ length: 60 }, (_, key) => [`k${key}${'x'.repeat(5000)}`, key]))
    orchestrator.inspected = [
      actor('long', { context: { task: 'x'.repeat(1000) } }),
      actor('deep', {
        value: { live: Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${'s'.repeat(190)}${i}`, 'x'])) },
      }),
      actor('many', { context: huge }),
    ]
    const viewer = await watch()
    const shown = await viewer.count(6)
    const contextOf = (message: Shown | undefined) =>
      (message?.['snapshot'] as { context: unknown } | undefined)?.context
    expect([contextOf(shown[1]), contextOf(shown[3])]).toEqual([
      { run: RUN, task: `${'x'.repeat(200)}…`, attempt: 1 },
      { tooLarge: expect.stringMatching(/^\[\d+ bytes\]$/) },
    ])
    expect(Math.max(...shown.map((message) => JSON.stringify(message['snapshot']).length))).toBeLessThan(100_000)
  })

  it('sends a 21st viewer away and tells it why', async () => {
    const { watch } = await inspectorWorld()
    for (let viewers = 0; viewers < MOST_VIEWERS; viewers++) await watch()
    const late = await watch()
    expect(await late.closed()).toEqual({
      code: 1013,
      reason: '20 viewers are watching already: close one of them first.',
    })
  })

  it.each([
    ['a run that is not there', '?run=run_zz', 4004, 'There is no such run here.'],
    ['no actor', '?actor=..%2Fx', 4004, 'An actor is named supervisor, manager, or like a task: spec, execute.0.'],
  ])('tells whoever asks for %s', async (_, query, code, reason) => {
    const { watch, orchestrator } = await inspectorWorld()
    const viewer = await watch(query)
    expect([await viewer.closed(), orchestrator.inspectors]).toEqual([{ code, reason }, 0])
  })

  it('closes on a viewer that speaks, and on one that speaks too much', async () => {
    const { watch } = await inspectorWorld()
    const [one, other] = [await watch(), await watch()]
    one.socket.send('{}')
    other.socket.send('x'.repeat(2000))
    expect([await one.closed(), await other.closed()]).toEqual([
      { code: 1008, reason: 'A viewer has nothing to say here.' },
      { code: 1009, reason: '' },
    ])
  })

  it('drops a viewer that does not answer a ping', async () => {
    const { watch, clock, orchestrator } = await inspectorWorld()
    const [dead, alive] = [await watch('', undefined, { autoPong: false }), await watch()]
    const ponged = once(alive.socket, 'ping')
    await clock.advance(15_000)
    await ponged
    // A round trip of the live one: its pong is in before the next beat.
    alive.socket.ping()
    await once(alive.socket, 'pong')
    await clock.advance(15_000)
    expect([(await dead.closed()).code, alive.socket.readyState, orchestrator.inspectors]).toEqual([
      1006,
      WebSocket.OPEN,
      1,
    ])
  })

  it('leaves no timer behind when the last viewer goes', async () => {
    const { watch, clock, orchestrator } = await inspectorWorld()
    const viewer = await watch()
    const armed = clock.pending()
    viewer.socket.close()
    while (orchestrator.inspectors > 0) await new Promise((resolve) => setImmediate(resolve))
    expect([armed, clock.pending()]).toEqual([1, 0])
  })

  it.each([
    ['another protocol', '/v1/inspect', ['troupe.v1'], 'Unexpected server response: 400'],
    ['another place', '/v1/other', ['troupe.inspect.v1'], 'Unexpected server response: 404'],
  ])('refuses %s', async (_, path, protocols, message) => {
    const { port } = await inspectorWorld()
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols)
    const [error] = await once(socket, 'error')
    expect((error as Error).message).toEqual(message)
  })

  it('says goodbye when it is closed, and lets nobody in any more', async () => {
    const { watch, inspector, port } = await inspectorWorld()
    const viewer = await watch()
    inspector.close()
    const late = new WebSocket(`ws://127.0.0.1:${port}/v1/inspect`, 'troupe.inspect.v1')
    const [error] = await once(late, 'error')
    expect([await viewer.closed(), (error as Error).message]).toEqual([
      { code: 1001, reason: 'The process that serves this is ending.' },
      'Unexpected server response: 503',
    ])
  })

  it('has a page that may talk to its own server and frame the hosted inspector, and nothing else', async () => {
    const { orchestrator, clock } = await inspectorWorld()
    const { routes } = createInspector({ orchestrator, clock })
    const page = await routes.request('/inspect?run=run_1')
    const text = await page.text()
    expect(page.headers.get('content-security-policy')).toEqual(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-src https://stately.ai; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    )
    const assets = [...text.matchAll(/(?:src|href)="(\/inspect\/[^"]+)"/g)].map(([, path]) => path ?? '')
    const answers = await Promise.all(assets.map(async (path) => (await routes.request(path)).status))
    expect([assets.length, answers]).toEqual([2, [200, 200]])
    expect(text).toContain('href="/machines"')
  })
})
