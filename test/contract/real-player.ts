/** The agents that people have, with a model that plays a script. */
import { acpAgent } from '../../src/backends/acp/acp-agents.ts'
import { commandAgent } from '../../src/backends/command/command-agents.ts'
import type { LocalAgent } from '../../src/backends/local/conversation.ts'
import { formatMark } from '../../src/domain/ids.ts'
import { type ModelServer, startModelServer } from '../support/model-server/model-server.ts'
import type { Script, Step } from '../support/model-server/script.ts'
import { type AgentSite, describedAgents, findRealAgents, prepareHome } from '../support/real-agents.ts'
import type { AgentPlace, Player } from './local-player.ts'
import type { Act } from './stage.ts'

/** A real agent; its model is played by a server of its own. */
export async function realPlayer(place: AgentPlace): Promise<Player> {
  const model = await startModelServer({})
  const site = { ...place, modelUrl: model.url }
  await prepareHome(siteOf(site))
  return { ...modelTalk(model), agent: realAgent(site), modelUrl: model.url, close: () => model.close() }
}

/** The agent, at a model server that runs already. */
export function realAgent(place: AgentPlace): LocalAgent {
  const [how = '', name = ''] = place.name.split(':')
  const agents = findRealAgents()
  if (agents === undefined) throw new Error('The real agents are not installed: npm run agents:install')
  const { command, acp } = describedAgents(agents, siteOf(place))
  const agent = how === 'acp' ? acpAgent(name, acp[name]) : commandAgent(name, command[name])
  if (agent === undefined) throw new Error(`There is no agent ${place.name}.`)
  return agent
}

/** Only a subscription tells of a usage limit and its end. */
function siteOf({ root, modelUrl }: AgentPlace): AgentSite {
  return { home: `${root}/home`, modelUrl, claudeLogin: 'subscription' }
}

function modelTalk(model: ModelServer): Pick<Player, 'text' | 'told' | 'letGoOn' | 'recover'> {
  const script: Record<string, (readonly Step[])[]> = {}
  const tell = () => model.play({ ...script } as Script)
  return {
    text(key, turn, acts, words) {
      const turns = script[key.task] ?? []
      turns[turn - 1] = acts.flatMap((act) => stepsOf(act, key.task))
      script[key.task] = turns
      tell()
      return `${words}\n\n${formatMark(key, turn)}`
    },
    async told(task) {
      const asked = model.requests.filter(({ side, mark }) => !side && mark.includes(`/${task}/`))
      const last = new Map(asked.map(({ mark, told }) => [mark, told]))
      return [...last.values()].flat()
    },
    letGoOn: (task) => model.release(task),
    async recover(task) {
      script[task] = (script[task] ?? []).map((steps) => steps.filter((step) => !isTrouble(step)))
      tell()
    },
  }
}

/** What is a file's absolute path is one that it may not write. */
function isTrouble(step: Step): boolean {
  return 'status' in step || ('write' in step && step.write.path.startsWith('/'))
}

function stepsOf(act: Act, task: string): readonly Step[] {
  switch (act.act) {
    case 'write':
      return [{ write: { path: act.path, content: act.content } }]
    case 'tool':
      return [{ run: '[ -e begun ] && exit 0; : > begun; exec sleep 86399' }]
    case 'write-outside':
      return [{ write: { path: act.path, content: 'outside\n' } }]
    case 'hang':
      return [{ hang: true }]
    case 'listen': {
      const said = { ifSaid: act.for, do: [{ say: `It was: ${act.for}` }], else: [{ say: 'It was nothing.' }] }
      return [{ hold: task }, { run: 'true' }, said]
    }
    case 'rate-limited':
      return [{ status: 429 }]
    case 'unauthorized':
      return [{ status: 401 }]
    case 'cut':
      return [{ cut: true }]
    case 'usage-limit':
      return [{ usageLimit: { resetsAt: act.resetsAt } }]
    case 'say':
      return [{ say: act.text }]
  }
}
