import { methods, PROTOCOL_VERSION, RequestError } from '@agentclientprotocol/sdk'
import { BackendError } from '../../domain/errors.ts'
import type { AcpProfile } from './acp-profile.ts'
import type { AgentLink } from './agent-link.ts'
import { listOf, numberOf, recordOf, textOf } from './json-parts.ts'
import { wantsLogin } from './prompt-failure.ts'

/** Large agents take 12 s to start on a quiet machine. */
const START_MS = 60_000
/** A session's history may be long. */
const LOAD_MS = 120_000
const SETTING_MS = 30_000
/** Not in the stable protocol yet. */
const SET_TITLE = 'session/set_title'

/** A session that is ready for its first prompt. */
export interface StartedSession {
  readonly id: string
  /** It goes on with the one that was asked for. */
  readonly isResumed: boolean
  /** Whether `_session/steering` is there; undefined where the agent does not say. */
  readonly steers: boolean | undefined
  /** A prompt may show it images. */
  readonly takesImages: boolean
}

export interface SessionOrder {
  readonly cwd: string
  /** When the worktree there is. */
  readonly whole: Promise<void> | undefined
  /** What a new one is called. */
  readonly title: string
  /** To be gone on with. */
  readonly session: string | undefined
  readonly model: string | undefined
  readonly env: Readonly<Record<string, string>>
  /** The session's id is durable when it resolves. */
  onSession(id: string): Promise<void>
  onNote(text: string): void
}

/** From `initialize` to a session in the right mode. No model is asked. Rejects with RequestError or BackendError. */
export async function startSession(link: AgentLink, profile: AcpProfile, order: SessionOrder): Promise<StartedSession> {
  const { clientMeta } = profile
  const params = {
    protocolVersion: PROTOCOL_VERSION,
    clientCapabilities: clientMeta === undefined ? {} : { _meta: clientMeta },
    clientInfo: { name: 'troupe', version: '0' },
  }
  const agent = recordOf(await link.request(methods.agent.initialize, params, START_MS))
  const version = agent['protocolVersion']
  if (version !== PROTOCOL_VERSION) {
    const speaks = `speaks version ${numberOf(version) ?? 'unknown'} of the Agent Client Protocol, troupe speaks version ${PROTOCOL_VERSION}`
    throw refused(`${profile.id} ${speaks}. Install a version of it that does. ${profile.install}`)
  }
  await order.whole
  const { loadSession, sessionCapabilities, promptCapabilities } = recordOf(agent['agentCapabilities'])
  const canResume = isThere(recordOf(sessionCapabilities)['resume'])
  const ways = { canResume, canLoad: loadSession === true }
  const open = async () => (await goOn(link, order, ways)) ?? (await newSession(link, order))
  const session = await loggedIn(link, profile, order, open)
  await order.onSession(session.id)
  await setMode(link, profile, session)
  await setModel(link, profile, session, order.model)
  const isResumed = session.id === order.session
  if (profile.titled && !isResumed) await setTitle(link, session, order)
  const steering = recordOf(recordOf(agent['_meta'])['steering'])['supported']
  return {
    id: session.id,
    isResumed,
    steers: typeof steering === 'boolean' ? steering : undefined,
    takesImages: recordOf(promptCapabilities)['image'] === true,
  }
}

interface OpenedSession {
  readonly id: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** Resumed, else loaded, where it can be; undefined where a new session is needed. */
async function goOn(
  link: AgentLink,
  order: SessionOrder,
  { canResume, canLoad }: { readonly canResume: boolean; readonly canLoad: boolean },
): Promise<OpenedSession | undefined> {
  const { session: id, cwd } = order
  if (id === undefined) return undefined
  const ways = [...(canResume ? [methods.agent.session.resume] : []), ...(canLoad ? [methods.agent.session.load] : [])]
  for (const method of ways) {
    try {
      return { id, facts: recordOf(await link.request(method, { sessionId: id, cwd, mcpServers: [] }, LOAD_MS)) }
    } catch (error) {
      if (!(error instanceof RequestError) || wantsLogin(error)) throw error
      order.onNote(`${method} failed: ${error.message}`)
    }
  }
  order.onNote('its session cannot be gone on with: a new one begins')
  return undefined
}

async function newSession(link: AgentLink, { cwd }: SessionOrder): Promise<OpenedSession> {
  const facts = recordOf(await link.request(methods.agent.session.new, { cwd, mcpServers: [] }, START_MS))
  const id = textOf(facts['sessionId'])
  if (!id) throw refused('It answered session/new without the id of a session')
  return { id, facts }
}

/** Logs in with a key of the environment, only when the agent demands it. */
async function loggedIn<T>(
  link: AgentLink,
  { keyLogin }: AcpProfile,
  { env }: SessionOrder,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const hasKey = keyLogin?.variables.some((name) => env[name]) ?? false
    if (!wantsLogin(error) || keyLogin === undefined || !hasKey) throw error
    await link.request(methods.agent.authenticate, { methodId: keyLogin.method }, SETTING_MS)
    return await ask()
  }
}

/** After every new, load and resume: a resumed session may be in its default mode again. */
async function setMode(link: AgentLink, { id, modes }: AcpProfile, session: OpenedSession): Promise<void> {
  const { availableModes, currentModeId } = recordOf(session.facts['modes'])
  const offered = listOf(availableModes).flatMap((mode) => textOf(recordOf(mode)['id']) ?? [])
  if (modes.length === 0) return
  const modeId = modes.find((mode) => offered.includes(mode))
  if (modeId === undefined) {
    const has = offered.length === 0 ? 'offers no modes' : `offers ${offered.join(', ')}`
    throw refused(`${id} has none of the modes ${modes.join(', ')}: it ${has}. Set 'mode' in its description.`)
  }
  if (modeId === currentModeId) return
  await link.request(methods.agent.session.setMode, { sessionId: session.id, modeId }, SETTING_MS)
}

async function setModel(
  link: AgentLink,
  profile: AcpProfile,
  session: OpenedSession,
  model: string | undefined,
): Promise<void> {
  if (model === undefined) return
  const options = listOf(session.facts['configOptions']).map(recordOf)
  const option = options.find(({ category }) => category === 'model') ?? options.find(({ id }) => id === 'model')
  const configId = textOf(option?.['id'])
  if (option === undefined || configId === undefined) {
    throw refused(
      `${profile.id} does not let its model be chosen. Leave 'model' out and choose it in the agent's own settings.`,
    )
  }
  if (option['currentValue'] === model) return
  try {
    const params = { sessionId: session.id, configId, value: model }
    await link.request(methods.agent.session.setConfigOption, params, SETTING_MS)
  } catch (error) {
    if (!(error instanceof RequestError) || wantsLogin(error)) throw error
    const offered = valuesOf(option['options']).slice(0, 20).join(', ')
    throw refused(
      `${profile.id} does not take the model '${model}' (${error.message}). It offers ${offered || 'none'}.`,
    )
  }
}

/** Nothing depends on it but the cost of a title. */
async function setTitle(link: AgentLink, { id }: OpenedSession, { title, onNote }: SessionOrder): Promise<void> {
  try {
    await link.request(SET_TITLE, { sessionId: id, title }, SETTING_MS)
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    onNote(`its session has no title: ${error.message}`)
  }
}

/** Options may be in groups. */
function valuesOf(options: unknown): readonly string[] {
  return listOf(options).flatMap((option) => textOf(recordOf(option)['value']) ?? valuesOf(recordOf(option)['options']))
}

function isThere(capability: unknown): boolean {
  return capability !== undefined && capability !== null && capability !== false
}

function refused(message: string): BackendError {
  return new BackendError(message, { kind: 'refused', retryable: false, certain: true })
}
