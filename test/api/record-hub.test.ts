import { describe, expect, it } from 'vitest'
import { messageForm } from '../../src/api/frame-form.ts'
import { type LiveListener, RecordHub } from '../../src/api/record-hub.ts'
import { createRunViews } from '../../src/api/run-views.ts'
import { selectRecords } from '../../src/api/selection.ts'
import type { RecordFilter } from '../../src/api/stream-messages.ts'
import type { RunRecord } from '../../src/domain/record.ts'
import { createVirtualClock } from '../../src/host/virtual-clock.ts'
import { settle } from '../support/fake-carrier.ts'
import { FakeOrchestrator, record, runView } from '../support/fake-orchestrator.ts'

const GATHER_MS = 25

function setUp({ gatherMs = GATHER_MS, frameBytes = 100_000 } = {}) {
  const clock = createVirtualClock()
  const orchestrator = new FakeOrchestrator()
  for (const run of ['run_1', 'run_2']) orchestrator.add(runView({ run }))
  const served = { orchestrator, views: createRunViews(orchestrator, orchestrator.reader()) }
  const hub = new RecordHub(served, { clock, gatherMs, frameBytes })
  hub.retain()
  return { clock, orchestrator, hub }
}

interface Listening extends LiveListener {
  readonly frames: Buffer[]
  readonly events: unknown[]
  full: boolean
}

function listener(runs: readonly string[], filter?: RecordFilter, subscription = 's'): Listening {
  const listening: Listening = {
    selection: selectRecords(runs, filter),
    form: messageForm(subscription),
    frames: [],
    events: [],
    full: false,
    outlet: { offer: (frame) => !listening.full && listening.frames.push(frame) > 0 },
    behind: (cursor) => void listening.events.push(['behind', cursor]),
    interrupted: (cursor) => void listening.events.push(['interrupted', cursor]),
  }
  return listening
}

/** Joins with all that was announced. */
function join(hub: RecordHub, listening: Listening, after: Readonly<Record<string, number>>): Listening {
  hub.join(listening, new Map(Object.entries(after)), new Set())
  return listening
}

const seen = ({ frames }: Listening) =>
  frames.map((frame) => {
    const { records } = JSON.parse(String(frame)) as { records: RunRecord[] }
    return records.map(({ run, seq }) => `${run}:${seq}`).join(' ')
  })

describe('the hub of records', () => {
  it('sends at once when it is quiet and gathers for 25 ms when it is busy', async () => {
    const { hub, orchestrator, clock } = setUp()
    const all = join(hub, listener(['run_1']), { run_1: 0 })
    orchestrator.append('run_1')
    await settle()
    expect(seen(all)).toEqual(['run_1:1'])
    orchestrator.append('run_1')
    await clock.advance(GATHER_MS - 1)
    orchestrator.append('run_1')
    expect(seen(all)).toEqual(['run_1:1'])
    await clock.advance(1)
    expect(seen(all)).toEqual(['run_1:1', 'run_1:2 run_1:3'])
    await clock.advance(GATHER_MS)
    orchestrator.append('run_1')
    await settle()
    expect(seen(all)).toEqual(['run_1:1', 'run_1:2 run_1:3', 'run_1:4'])
  })

  it('arms no timer while nothing is said', async () => {
    const { hub, orchestrator, clock } = setUp()
    join(hub, listener(['run_1']), { run_1: 0 })
    orchestrator.append('run_1')
    await clock.advance(GATHER_MS)
    expect(clock.pending()).toBe(0)
  })

  it('sends what becomes durable in one turn together, for all runs in one message', async () => {
    const { hub, orchestrator } = setUp()
    const all = join(hub, listener(['*']), { run_1: 0, run_2: 0 })
    const one = join(hub, listener(['run_2']), { run_2: 0 })
    orchestrator.append('run_1', 2)
    orchestrator.append('run_2')
    orchestrator.append('run_1')
    await settle()
    expect([seen(all), seen(one)]).toEqual([['run_1:1 run_1:2 run_2:1 run_1:3'], ['run_2:1']])
  })

  it('serialises a record once, whoever gets it, and gives the very same bytes to all who get the same', async () => {
    const { hub, orchestrator } = setUp()
    const listening = [
      ...Array.from({ length: 5 }, () => listener(['run_1'])),
      listener(['*']),
      listener(['run_1', 'run_2']),
      listener(['run_1'], { types: ['transition'] }),
      listener(['run_1'], undefined, 'other'),
    ]
    for (const each of listening) join(hub, each, { run_1: 0, run_2: 0 })
    let serialised = 0
    const data = {
      get text() {
        serialised++
        return 'x'
      },
    }
    orchestrator.append('run_1', 1, { data })
    await settle()
    expect([serialised, new Set(listening.flatMap(seen))]).toEqual([1, new Set(['run_1:1'])])
    const [first, ...same] = listening.slice(0, 5).map(({ frames }) => frames[0])
    expect(same.every((frame) => frame === first)).toBe(true)
  })

  it('serialises nothing that nobody asked for', async () => {
    const { hub, orchestrator } = setUp()
    const one = join(hub, listener(['run_1']), { run_1: 0 })
    orchestrator.append('run_2', 1, {
      data: {
        get text(): string {
          throw new Error('serialised')
        },
      },
    })
    orchestrator.append('run_1')
    await settle()
    expect(seen(one)).toEqual(['run_1:1'])
  })

  it('passes by who wants none of what was gathered', async () => {
    const { hub, orchestrator } = setUp()
    const alerts = join(hub, listener(['*'], { types: ['alert'] }), { run_1: 0, run_2: 0 })
    orchestrator.append('run_1')
    orchestrator.append('run_1', 1, { type: 'alert' })
    await settle()
    orchestrator.append('run_1')
    hub.flush()
    expect(seen(alerts)).toEqual(['run_1:2'])
  })

  it('gives who joins in the middle of gathering only what it has not yet', async () => {
    const { hub, orchestrator } = setUp()
    const early = join(hub, listener(['run_1']), { run_1: 0 })
    orchestrator.append('run_1', 3)
    const late = join(hub, listener(['run_1']), { run_1: 3 })
    const ahead = join(hub, listener(['*']), { run_1: 5, run_2: 0 })
    await settle()
    orchestrator.append('run_1', 3)
    hub.flush()
    expect([seen(early), seen(late), seen(ahead)]).toEqual([
      ['run_1:1 run_1:2 run_1:3', 'run_1:4 run_1:5 run_1:6'],
      ['run_1:4 run_1:5 run_1:6'],
      ['run_1:6'],
    ])
  })

  it('cuts what is too much for one frame, each with the cursor that belongs to it', async () => {
    const { hub, orchestrator } = setUp({ frameBytes: 300 })
    const all = join(hub, listener(['*']), { run_1: 0, run_2: 0 })
    orchestrator.append('run_1', 4)
    orchestrator.append('run_2', 1)
    await settle()
    expect(seen(all)).toEqual(['run_1:1 run_1:2 run_1:3', 'run_1:4 run_2:1'])
    expect(all.frames.map((frame) => JSON.parse(String(frame)).cursor)).toEqual([
      'c1,run_2,run_1:3,run_2:0',
      'c1,run_2,run_1:4,run_2:1',
    ])
  })

  it('knows where each stands who is told no more, also who joined in the middle', async () => {
    const { hub, orchestrator } = setUp()
    const [late, later] = [listener(['run_1']), listener(['run_1'])]
    join(hub, listener(['run_1']), { run_1: 0 })
    orchestrator.append('run_1', 2)
    join(hub, late, { run_1: 2 })
    join(hub, later, { run_1: 2 })
    later.full = true
    orchestrator.append('run_1')
    await settle()
    late.full = true
    orchestrator.append('run_1')
    hub.flush()
    expect([seen(late), late.events, later.events]).toEqual([
      ['run_1:3'],
      [['behind', 'c1,,run_1:3']],
      [['behind', 'c1,,run_1:2']],
    ])
  })

  it('tells who cannot take a frame no more until it joins again', async () => {
    const { hub, orchestrator } = setUp()
    const [slow, quick] = [listener(['run_1']), listener(['run_1'])]
    for (const each of [slow, quick]) join(hub, each, { run_1: 0 })
    slow.full = true
    orchestrator.append('run_1')
    await settle()
    slow.full = false
    orchestrator.append('run_1')
    hub.flush()
    join(hub, slow, { run_1: 2 })
    orchestrator.append('run_1')
    hub.flush()
    slow.full = true
    orchestrator.append('run_1')
    hub.flush()
    const behind = ['c1,,run_1:0', 'c1,,run_1:3'].map((cursor) => ['behind', cursor])
    expect([slow.events, seen(slow), seen(quick)]).toEqual([
      behind,
      ['run_1:3'],
      ['run_1:1', 'run_1:2', 'run_1:3', 'run_1:4'],
    ])
  })

  it('repeats nothing that is announced twice, and sends to the disk who listens when something was never announced', async () => {
    const { hub, orchestrator } = setUp()
    const listeners: ((run: string, records: readonly RunRecord[]) => void)[] = []
    orchestrator.subscribe = (listen) => {
      listeners.push(listen)
      return () => true
    }
    hub.release()
    hub.retain()
    const announce = (...seqs: number[]) =>
      listeners[0]?.(
        'run_1',
        seqs.map((seq) => record('run_1', seq)),
      )
    const one = join(hub, listener(['run_1']), { run_1: 0 })
    announce(1, 2)
    announce(2)
    announce(2, 3)
    announce(7)
    expect([seen(one), one.events]).toEqual([['run_1:1 run_1:2 run_1:3'], [['interrupted', 'c1,,run_1:3']]])
    join(hub, one, { run_1: 7 })
    announce(8)
    hub.flush()
    expect(seen(one)).toEqual(['run_1:1 run_1:2 run_1:3', 'run_1:8'])
  })

  it('lets go of the orchestrator, of timers and of what it gathered when nobody listens', async () => {
    const { hub, orchestrator, clock } = setUp()
    const one = join(hub, listener(['run_1']), { run_1: 0 })
    orchestrator.append('run_1')
    await settle()
    orchestrator.append('run_1')
    hub.leave(one)
    hub.release()
    expect([orchestrator.subscribers, clock.pending(), [...hub.places.runs()]]).toEqual([0, 0, []])
    hub.flush()
    expect(seen(one)).toEqual(['run_1:1'])
  })

  it('names in a cursor of all runs those that have not ended, and the newest', async () => {
    const { hub, orchestrator } = setUp()
    const all = join(hub, listener(['*']), { run_1: 0, run_2: 0 })
    const end: Partial<RunRecord> = { to: 'completed' }
    orchestrator.add(runView({ run: 'run_3' }))
    orchestrator.append('run_1', 1, end)
    orchestrator.append('run_3', 1)
    await settle()
    expect(JSON.parse(String(all.frames[0])).cursor).toBe('c1,run_3,run_2:0,run_3:1')
  })

  it('forgets runs that have ended when there are many', async () => {
    const { hub, orchestrator } = setUp()
    join(hub, listener(['*']), { run_1: 0, run_2: 0 })
    for (let n = 0; n < 3000; n++) {
      const run = `run_${String(n).padStart(18, '0')}`
      orchestrator.add(runView({ run }))
      orchestrator.append(run, 1, { to: 'completed' })
      hub.flush()
    }
    expect([...hub.places.runs()].length).toBeLessThan(2100)
  })
})
