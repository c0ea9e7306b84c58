/**
 * The crash harness of local agents: the built command line runs six tasks with real agents, in worktrees of a real repository, against a
 * scripted model. troupe is killed with SIGKILL at chosen places and at random moments, and some agents are, too; then it goes on, until
 * the run is over, and the next run begins, until there were kills enough. No task may be done twice, no process be left behind by any kill,
 * no commit be lost, nothing of the user's be touched.
 *
 *   npm run crash:local -- --kills 50 [--seed 1] [--agents command:claude,acp:codex] [--keep]
 *   npm run crash:local -- --plan '{"seed":...}'      one run's life again, as a failure printed it
 *
 * It needs the agents: npm run agents:install. Exit codes: 0 all is well, 1 it is not, 2 the agents are not there.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setup } from '../support/build-cli.ts'
import { startModelServer } from '../support/model-server/model-server.ts'
import { findRealAgents, type RealAgents } from '../support/real-agents.ts'
import { checkRun } from './check-run.ts'
import { makeSite, userState } from './crash-site.ts'
import { AGENTS, type AgentName, scriptOf } from './crash-work.ts'
import { Dealer, type KillPlan } from './kill-points.ts'
import { type LocalLife, liveRun } from './live-run.ts'
import { LocalTally } from './local-tally.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    agents: { type: 'string', default: AGENTS.join() },
    keep: { type: 'boolean', default: false },
    plan: { type: 'string' },
  },
})

/** A run that its kills do not reach adds none; so many may. */
const IDLE_RUNS = 6

function agentNames(text: string): readonly AgentName[] {
  const wanted = text.split(',')
  const found = AGENTS.filter((name) => wanted.includes(name) || wanted.includes(name.replace(/^.*:/, '')))
  if (found.length === 0) throw new Error(`--agents: there is none of ${text}; there are ${AGENTS.join(', ')}`)
  return found
}

async function live(
  root: string,
  cli: string,
  agents: RealAgents,
  plan: KillPlan,
  tally: LocalTally,
): Promise<LocalLife> {
  const folder = join(root, String(plan.seed))
  const model = await startModelServer(scriptOf())
  try {
    const site = await makeSite(folder, agents, agentNames(values.agents), model)
    const before = await userState(site)
    const life = await liveRun(site, cli, plan)
    const check = await checkRun({ site, life, requests: model.requests, before })
    tally.add(life, check)
    if (check.problems.length > 0) {
      await writeFile(join(folder, 'transcript.txt'), life.words.join('\n'))
      await writeFile(join(folder, 'requests.json'), JSON.stringify(model.requests, null, 1))
      console.error(`FAILED: seed ${plan.seed}, kept in ${folder}`)
      for (const problem of check.problems) console.error(`  ${problem}`)
      console.error(`  again: npm run crash:local -- --plan '${JSON.stringify(plan)}'`)
    } else if (!values.keep) await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    return life
  } finally {
    await model.close()
  }
}

async function killMany(root: string, cli: string, agents: RealAgents, tally: LocalTally): Promise<void> {
  const kills = Number(values.kills)
  const dealer = new Dealer(Number(values.seed))
  let isStopped = false
  // Told to end, it lets the life under way end and says what came so far.
  process.once('SIGTERM', () => {
    isStopped = true
  })
  for (let idle = 0; !isStopped && tally.kills < kills && idle < IDLE_RUNS; ) {
    const life = await live(root, cli, agents, dealer.next(kills - tally.kills), tally)
    dealer.missed(life.missed)
    idle = life.kills.length === 0 ? idle + 1 : 0
  }
}

const agents = findRealAgents()
if (agents === undefined) {
  console.error('The real agents are not installed: npm run agents:install')
  process.exitCode = 2
} else {
  const tearDown = setup()
  const cli = process.env['TROUPE_TEST_CLI'] ?? 'dist/cli/main.js'
  const root = await mkdtemp(join(tmpdir(), 'troupe-local-crash-'))
  const tally = new LocalTally()
  try {
    const wanted = values.plan === undefined ? Number(values.kills) : 0
    if (values.plan === undefined) await killMany(root, cli, agents, tally)
    else await live(root, cli, agents, JSON.parse(values.plan) as KillPlan, tally)
    const isGood = tally.print(wanted)
    if (isGood && !values.keep) await rm(root, { recursive: true, force: true, maxRetries: 3 })
    process.exitCode = isGood ? 0 : 1
  } finally {
    tearDown()
  }
}
