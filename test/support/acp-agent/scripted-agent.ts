import { type AgentApp, agent, methods, RequestError } from '@agentclientprotocol/sdk'
import { AgentMemory, type Session } from './agent-memory.ts'
import type { AgentSettings } from './script.ts'
import { ScriptedTurn, type TurnClient } from './scripted-turn.ts'

/** What the scripted agent needs of where it runs. */
export interface AgentHouse {
  /** A line as it is, on its output. */
  print(line: string): void
  die(code: number): void
  /** A word that every test may read: which requests arrived. */
  heard?(method: string, params: unknown): void
}

/** An agent made with the SDK that plays what its prompts say. */
export function scriptedAgent(settings: AgentSettings, house: AgentHouse): AgentApp {
  const memory = new AgentMemory(settings.sessions)
  const folders = new Map<string, string>()
  const turns = new Map<string, ScriptedTurn>()
  const [firstMode = 'default'] = settings.modes ?? ['default']
  const [firstModel = 'small'] = settings.models ?? ['small']
  let isLoggedIn = settings.login === undefined

  const arrived = async (method: string, params: unknown) => {
    house.heard?.(method, params)
    if (settings.hangsIn === method) await new Promise(() => {})
  }
  const factsOf = (session: Session) => ({
    modes: {
      currentModeId: session.mode,
      availableModes: (settings.modes ?? ['default']).map((id) => ({ id, name: id })),
    },
    ...(settings.models && { configOptions: [modelOption(settings.models, session.model)] }),
  })
  const known = (id: string, cwd: string): Session => {
    const session = memory.get(id)
    if (session === undefined) throw RequestError.resourceNotFound(id)
    folders.set(id, cwd)
    // As claude has it: a resumed session is in its default mode again.
    session.mode = firstMode
    return session
  }

  return agent({ name: 'scripted' })
    .onRequest(methods.agent.initialize, async ({ params }) => {
      await arrived(methods.agent.initialize, params)
      return {
        protocolVersion: settings.version ?? 1,
        agentCapabilities: {
          loadSession: settings.load ?? false,
          ...(settings.images === undefined ? {} : { promptCapabilities: { image: settings.images } }),
          sessionCapabilities: settings.resume ? { resume: {} } : {},
        },
        ...(typeof settings.steer === 'boolean' && { _meta: { steering: { supported: settings.steer } } }),
      }
    })
    .onRequest(methods.agent.authenticate, async ({ params }) => {
      await arrived(methods.agent.authenticate, params)
      if (params.methodId !== settings.login) throw RequestError.invalidParams()
      isLoggedIn = true
    })
    .onRequest(methods.agent.session.new, async ({ params }) => {
      await arrived(methods.agent.session.new, params)
      if (!isLoggedIn) throw RequestError.authRequired()
      const session = memory.make(firstMode, firstModel)
      folders.set(session.id, params.cwd)
      return { sessionId: session.id, ...factsOf(session) }
    })
    .onRequest(methods.agent.session.resume, async ({ params }) => {
      await arrived(methods.agent.session.resume, params)
      return factsOf(known(params.sessionId, params.cwd))
    })
    .onRequest(methods.agent.session.load, async ({ params, client }) => {
      await arrived(methods.agent.session.load, params)
      const session = known(params.sessionId, params.cwd)
      for (const text of session.turns) {
        const update = {
          sessionUpdate: 'agent_message_chunk',
          content: { type: 'text', text: `history: ${text}` },
        } as const
        await client.notify(methods.client.session.update, { sessionId: session.id, update })
      }
      return factsOf(session)
    })
    .onRequest(methods.agent.session.setMode, async ({ params }) => {
      await arrived(methods.agent.session.setMode, params)
      const session = memory.get(params.sessionId)
      if (session !== undefined) session.mode = params.modeId
    })
    .onRequest(methods.agent.session.setConfigOption, async ({ params }) => {
      await arrived(methods.agent.session.setConfigOption, params)
      const models = settings.models ?? []
      if (typeof params.value !== 'string' || !models.includes(params.value)) throw RequestError.invalidParams()
      return { configOptions: [modelOption(models, params.value)] }
    })
    .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
      await arrived(methods.agent.session.prompt, params)
      const session = memory.get(params.sessionId)
      if (session === undefined) throw RequestError.resourceNotFound(params.sessionId)
      const text = params.prompt.map((block) => (block.type === 'text' ? block.text : '')).join('')
      session.turns.push(text)
      memory.keep(session)
      const cwd = folders.get(session.id) ?? process.cwd()
      const turn = new ScriptedTurn({
        session,
        cwd,
        client: client as TurnClient,
        house,
        keep: () => memory.keep(session),
      })
      turns.set(session.id, turn)
      try {
        return await turn.play(text)
      } finally {
        turns.delete(session.id)
      }
    })
    .onRequest(
      '_session/steering',
      (params) => params as { sessionId: string; prompt: readonly { text?: string }[] },
      async ({ params, method }) => {
        await arrived(method, params)
        if (!settings.steer) throw RequestError.methodNotFound(method)
        const turn = turns.get(params.sessionId)
        if (turn === undefined) return { outcome: 'promptRequired', reason: 'noRunningTurn' }
        turn.steer(params.prompt.map(({ text = '' }) => text).join(''))
        return { outcome: 'injected' }
      },
    )
    .onNotification(methods.agent.session.cancel, ({ params }) => {
      house.heard?.(methods.agent.session.cancel, params)
      turns.get(params.sessionId)?.cancel()
    })
}

function modelOption(models: readonly string[], currentValue: string) {
  const options = models.map((value) => ({ value, name: value }))
  return { id: 'model', name: 'Model', category: 'model', type: 'select', currentValue, options } as const
}
