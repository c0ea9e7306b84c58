import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type ControlServer, createControlServer } from '../../src/api/control-server.ts'
import { type ControlClient, createControlClient } from '../../src/client/control-client.ts'
import { FakeOrchestrator } from './fake-orchestrator.ts'

/** A temporary folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A control server on a real socket, with a client. */
export interface ControlFixture {
  readonly orchestrator: FakeOrchestrator
  readonly control: ControlServer
  readonly client: ControlClient
  readonly socketPath: string
  /** Ends it as a process that dies does. */
  kill(): Promise<void>
}

/** Listens in a temporary folder; `attached: false` leaves the orchestrator for later. */
export async function serveControl({ attached = true } = {}): Promise<ControlFixture> {
  const socketPath = join(await temporaryFolder(), 'control.sock')
  const orchestrator = new FakeOrchestrator()
  const control = createControlServer()
  const sockets = new Set<{ destroy(): void }>()
  control.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  if (attached) control.attach(orchestrator, orchestrator.reader())
  await new Promise<void>((resolve) => control.server.listen(socketPath, resolve))
  const kill = async () => {
    if (!control.server.listening) return
    const closed = new Promise((resolve) => control.server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  onTestFinished(kill)
  return { orchestrator, control, client: createControlClient(socketPath), socketPath, kill }
}
