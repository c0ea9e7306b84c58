/** Each real agent carries out one scripted turn without troupe: when these fail, the model server or an agent has changed. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { AgentProgram } from '../../scripts/pinned-agents.ts'
import { endBareAgent, outputOf, promptOverAcp, startBareAgent } from '../support/bare-agents.ts'
import { describeWithAgents } from '../support/describe-with-agents.ts'
import { type ModelServer, startModelServer } from '../support/model-server/model-server.ts'
import type { Script } from '../support/model-server/script.ts'
import { type AgentSite, prepareHome, type RealAgents } from '../support/real-agents.ts'

const PROMPT = 'Write the file.\n\n[troupe:run_1/spec/1/1]'
const SCRIPT: Script = {
  spec: [
    [
      { write: { path: 'note.txt', content: 'one\n' } },
      { say: 'Now add a line.' },
      { run: 'echo two >> note.txt' },
      { report: { result: { file: 'note.txt' } } },
    ],
  ],
}
const REPORT =
  'Here is my report.\n\n```json\n{"status":"completed","task_id":"spec","turn":1,"result":{"file":"note.txt"},"metrics":{}}\n```'

interface Site extends AgentSite {
  readonly folder: string
  readonly model: ModelServer
}

async function makeSite(): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), 'troupe-agents-'))
  const model = await startModelServer(SCRIPT)
  onTestFinished(async () => {
    await model.close()
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  })
  const site = { home: join(root, 'home'), folder: join(root, 'work'), modelUrl: model.url, model }
  await mkdir(site.folder)
  await prepareHome(site)
  return site
}

function start(agents: RealAgents, program: AgentProgram, site: Site) {
  const child = startBareAgent(agents, program, { ...site, prompt: PROMPT })
  onTestFinished(() => endBareAgent(child))
  return child
}

/** The JSON lines that a program prints before it ends well. */
async function linesOf(child: ReturnType<typeof start>): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { code, stdout, stderr } = await outputOf(child)
  expect([code, code === 0 ? '' : stderr + stdout]).toEqual([0, ''])
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line))
}

/** What a turn leaves, whoever carried it out. */
async function expectDone({ folder, model }: Site): Promise<void> {
  expect(await readFile(join(folder, 'note.txt'), 'utf8')).toBe('one\ntwo\n')
  const asked = model.requests.filter(({ side }) => !side)
  expect(asked.map(({ mark, outcome, results }) => [mark, results.length, outcome])).toEqual([
    ['run_1/spec/1/1', 0, 'answered'],
    ['run_1/spec/1/1', 1, 'answered'],
    ['run_1/spec/1/1', 2, 'ended'],
  ])
}

describeWithAgents('a real agent without troupe', (agents) => {
  it('claude carries out a scripted turn', { timeout: 60_000 }, async () => {
    const site = await makeSite()
    const lines = await linesOf(start(agents, 'claude', site))
    const { is_error: failed, result, usage } = lines.at(-1) ?? {}
    expect([failed, result]).toEqual([false, REPORT])
    expect(usage).toMatchObject({ input_tokens: 300, output_tokens: 60 })
    await expectDone(site)
  })

  it('codex carries out a scripted turn', { timeout: 60_000 }, async () => {
    const site = await makeSite()
    const lines = await linesOf(start(agents, 'codex', site))
    expect(lines.slice(-2)).toMatchObject([
      { item: { type: 'agent_message', text: REPORT } },
      { type: 'turn.completed', usage: { input_tokens: 300, output_tokens: 60 } },
    ])
    await expectDone(site)
  })

  const OVER_ACP = ['claude-agent-acp', 'codex-acp'] as const
  it.each(OVER_ACP)('%s carries out a scripted turn', { timeout: 60_000 }, async (program) => {
    const site = await makeSite()
    const turn = await promptOverAcp(start(agents, program, site), site.folder, PROMPT)
    expect(turn).toEqual({ text: `Now add a line.${REPORT}`, stopReason: 'end_turn' })
    await expectDone(site)
  })
})
