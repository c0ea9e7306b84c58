import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import type { InspectedSnapshot, Inspection } from '../../src/domain/inspection.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import type { ActorKind } from '../../src/domain/record.ts'
import { createVirtualClock, type VirtualClock } from '../../src/host/virtual-clock.ts'
import { createInspector, type Inspector } from '../../src/server/inspector.ts'
import { FakeOrchestrator, runView } from '../support/fake-orchestrator.ts'

/** Two runs, the actors of which are inspected. */
export const RUN = 'run_00000001'
export const OTHER_RUN = 'run_00000002'

/** A message of the inspector, parsed. */
export interface Shown {
  readonly type: string
  readonly sessionId: string
  readonly [key: string]: unknown
}

/** One who watches. */
export interface Viewer {
  readonly socket: WebSocket
  readonly shown: Shown[]
  /** Resolves once so many messages came. */
  count(wanted: number): Promise<readonly Shown[]>
  closed(): Promise<{ readonly code: number; readonly reason: string }>
}

export interface InspectorWorld {
  readonly orchestrator: FakeOrchestrator
  readonly clock: VirtualClock
  readonly inspector: Inspector
  readonly port: number
  watch(query?: string, protocols?: string[], options?: ClientOptions): Promise<Viewer>
}

/** An inspector of a fake orchestrator, behind a real server. */
export async function inspectorWorld(): Promise<InspectorWorld> {
  const orchestrator = new FakeOrchestrator()
  for (const run of [RUN, OTHER_RUN]) orchestrator.add(runView({ run }))
  const clock = createVirtualClock()
  const inspector = createInspector({ orchestrator, clock })
  const server = createServer()
  server.on('upgrade', (request, socket, head) => inspector.upgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  onTestFinished(async () => {
    inspector.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    orchestrator,
    clock,
    inspector,
    port,
    watch: (query = '', protocols = ['troupe.inspect.v1'], options = {}) =>
      openViewer(`ws://127.0.0.1:${port}/v1/inspect${query}`, protocols, options),
  }
}

async function openViewer(url: string, protocols: string[], options: ClientOptions): Promise<Viewer> {
  const socket = new WebSocket(url, protocols, options)
  const shown: Shown[] = []
  const waiting = new Set<() => void>()
  const closing = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  socket.on('message', (data) => {
    shown.push(JSON.parse(String(data)))
    for (const wake of waiting) wake()
  })
  onTestFinished(() => socket.terminate())
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
  })
  const count = (wanted: number) =>
    new Promise<readonly Shown[]>((resolve) => {
      const wake = () => {
        if (shown.length < wanted) return
        waiting.delete(wake)
        resolve(shown)
      }
      waiting.add(wake)
      wake()
    })
  return { socket, shown, count, closed: () => closing }
}

/** An agent's snapshot, with what does not matter filled in. */
export function agentSnapshot(value: unknown, context: JsonObject = {}): InspectedSnapshot {
  return { status: 'active', value, context: { run: RUN, task: 'spec', attempt: 1, ...context } }
}

/** An actor that is there. */
export function actor(id: string, part: { run?: string; value?: unknown; context?: JsonObject } = {}): Inspection {
  return {
    type: 'actor',
    ...about(id, part.run),
    snapshot: agentSnapshot(part.value ?? { live: 'pending' }, part.context),
  }
}

/** A state that was reached. */
export function reached(
  id: string,
  value: unknown,
  part: { run?: string; status?: string; event?: { type: string } & JsonObject; context?: JsonObject } = {},
): Inspection {
  return {
    type: 'snapshot',
    ...about(id, part.run),
    event: part.event ?? { type: 'xstate.done.actor.slots' },
    snapshot: { ...agentSnapshot(value, part.context), status: part.status ?? 'active' },
  }
}

/** An event that came. */
export function came(id: string, event: { type: string } & JsonObject, source?: string): Inspection {
  return { type: 'event', ...about(id), event, ...(source === undefined ? {} : { source }) }
}

function about(id: string, run = RUN): { run: string; actor: string; kind: ActorKind } {
  return { run, actor: id, kind: id === 'supervisor' || id === 'manager' ? id : 'agent' }
}

/** `type session` of messages, for tests that care for no more. */
export function names(shown: readonly Shown[]): string[] {
  return shown.map(({ type, sessionId }) => `${type.replace('@xstate.', '')} ${sessionId.replace(`${RUN}/`, '')}`)
}
