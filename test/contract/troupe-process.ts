/** A troupe that works at one order until it is killed: `tsx troupe-process.ts '{"place": AgentPlace, "order": AgentOrder}'`. */
import type { AgentOrder } from '../../src/domain/backend.ts'
import { realClock } from '../../src/host/clock.ts'
import type { AgentPlace } from './local-player.ts'
import { openTroupe } from './local-stage.ts'
import { realAgent } from './real-player.ts'
import { commandPlayer, protocolPlayer } from './scripted-player.ts'

interface Told {
  readonly place: AgentPlace
  readonly order: AgentOrder
}

const { place, order } = JSON.parse(process.argv[2] ?? '{}') as Told
const { backend } = openTroupe(place.root, await agentOf(place), realClock)
await backend.create(order, new AbortController().signal)
setInterval(() => undefined, 60_000)

async function agentOf(at: AgentPlace) {
  if (at.name === 'acp:scripted') return protocolPlayer(at).agent
  return at.name === 'command:described' ? (await commandPlayer(at)).agent : realAgent(at)
}
