import type { Context, Hono } from 'hono'
import type { Clock } from '../../../domain/clock.ts'
import { type AgentRun, newestTurn } from './agent-run.ts'
import { hasVanished } from './agent-state.ts'
import type { Answers } from './answers.ts'
import { type ErrorShape, invalid, refusal } from './errors.ts'
import type { StandInEnv } from './faults.ts'
import type { Gate } from './gate.ts'
import {
  createBody,
  pageOf,
  pathInteger,
  queryFlag,
  queryInteger,
  readBody,
  readPaging,
  resumeBody,
  setupBody,
  stopBody,
} from './input.ts'
import type { CreateOrder, StandInRuns } from './runs.ts'

/** What the routes of agent runs need. */
interface AgentRouteParts {
  readonly runs: StandInRuns
  readonly answers: Answers
  readonly gate: Gate
  readonly clock: Clock
  readonly shape: ErrorShape
  /** How many creations the plan allows. */
  readonly quota: () => number
  /** What a create may name. */
  readonly knows: { model(name: string): boolean; repository(id: number): boolean }
  /** Told of every new turn and every stop. */
  readonly onChange: (run: AgentRun) => void
}

/** The id of the user that every token belongs to. */
export const USER_ID = 1

/** Adds create, get, list, resume, logs, ban, unban, remove-from-pr, setup commands and log analysis. */
export function addAgentRoutes(app: Hono<StandInEnv>, parts: AgentRouteParts): void {
  addReads(app, parts)
  addCreations(app, parts)
  addChanges(app, parts)
}

function addReads(app: Hono<StandInEnv>, parts: AgentRouteParts): void {
  const { runs, answers, gate } = parts
  app.get(`${ORGANIZATION}/agent/run/:agent_run_id`, gate.limited('standard'), (c) => {
    const run = find(parts, pathInteger(c, 'agent_run_id'), c.get('asOf'))
    return c.json(answers.run(run, c.get('asOf')))
  })
  app.get(`${ORGANIZATION}/agent/runs`, gate.limited('standard'), (c) => {
    const paging = readPaging(c)
    const user = queryInteger(c, 'user_id')
    const source = readSource(c)
    const asOf = c.get('asOf')
    if (user !== undefined && user !== USER_ID) return c.json(pageOf([], 0, paging))
    const { items, total } = runs.page({ source, asOf }, paging.skip, paging.limit)
    const shown = items.map((run) => answers.run(run, asOf))
    return c.json(pageOf(shown, total, paging))
  })
  app.get(`${ALPHA}/agent/run/:agent_run_id/logs`, gate.limited('logs'), (c) => {
    const run = find(parts, pathInteger(c, 'agent_run_id'), c.get('asOf'))
    return c.json(answers.logs(run, c.get('asOf'), { ...readPaging(c), reverse: queryFlag(c, 'reverse') }))
  })
}

function addCreations(app: Hono<StandInEnv>, parts: AgentRouteParts): void {
  const { answers, gate } = parts
  app.post(`${ORGANIZATION}/agent/run`, gate.limited('create'), async (c) => {
    const body = await readBody(c, createBody)
    checkNames(parts, body)
    const { prompt, metadata = null, webhooks = null } = body
    const run = await create(parts, { prompt, metadata, webhooks, source: 'API' })
    return c.json(answers.run(run, run.at))
  })
  app.post(`${ORGANIZATION}/setup-commands/generate`, gate.limited('setup'), async (c) => {
    const { repo_id: repo, prompt } = await readBody(c, setupBody)
    const asked = prompt ?? `Generate setup commands for repository ${repo}.`
    const run = await create(parts, { prompt: asked, metadata: null, webhooks: null, source: 'SETUP_COMMANDS' })
    return c.json({ agent_run_id: run.id, status: 'ACTIVE', url: answers.url(run) })
  })
  app.post(`${ORGANIZATION}/sandbox/:sandbox_id/analyze-logs`, gate.limited('analyze'), async (c) => {
    const prompt = `Analyze the setup logs of sandbox ${pathInteger(c, 'sandbox_id')}.`
    const run = await create(parts, { prompt, metadata: null, webhooks: null, source: 'LOCAL' })
    return c.json({ agent_run_id: run.id, status: 'ACTIVE', message: 'The logs are being analyzed.' })
  })
}

/** For these the API states no limit of their own. */
function addChanges(app: Hono<StandInEnv>, parts: AgentRouteParts): void {
  const { runs, answers, gate, clock, onChange } = parts
  app.post(`${ORGANIZATION}/agent/run/resume`, gate.limited('shared'), async (c) => {
    const body = await readBody(c, resumeBody)
    const run = find(parts, body.agent_run_id)
    await runs.resume(run, { prompt: body.prompt, webhooks: body.webhooks ?? null }, clock.now())
    onChange(run)
    return c.json(answers.run(run, newestTurn(run).at))
  })
  for (const [path, type] of STOPS) {
    app.post(`${ORGANIZATION}/agent/run/${path}`, gate.limited('shared'), async (c) => {
      const run = find(parts, (await readBody(c, stopBody)).agent_run_id)
      await runs.ban(run, type, clock.now())
      onChange(run)
      return c.json({})
    })
  }
}

function find({ runs, shape, clock }: AgentRouteParts, id: number, asOf = clock.now()): AgentRun {
  const run = runs.find(id)
  if (run === undefined || hasVanished(run, asOf)) throw refusal(404, shape)
  return run
}

/** What the live service answers to these is documented nowhere. */
function checkNames(
  { knows, shape }: AgentRouteParts,
  body: { readonly model?: string | null | undefined; readonly repo_id?: number | null | undefined },
): void {
  if (typeof body.model === 'string' && !knows.model(body.model)) {
    throw invalid([{ loc: ['body', 'model'], msg: 'Input should be the value of a listed model', type: 'value_error' }])
  }
  if (typeof body.repo_id === 'number' && !knows.repository(body.repo_id)) {
    throw refusal(404, shape, { message: 'Repository not found.' })
  }
}

async function create({ runs, shape, clock, quota, onChange }: AgentRouteParts, order: CreateOrder): Promise<AgentRun> {
  if (runs.count >= quota()) throw refusal(402, shape)
  const run = await runs.create(order, clock.now())
  onChange(run)
  return run
}

const ORGANIZATION = '/v1/organizations/:org_id'
const ALPHA = '/v1/alpha/organizations/:org_id'
const SOURCES = [
  'LOCAL',
  'SLACK',
  'GITHUB',
  'GITHUB_CHECK_SUITE',
  'GITHUB_PR_REVIEW',
  'LINEAR',
  'API',
  'CHAT',
  'JIRA',
  'CLICKUP',
  'MONDAY',
  'SETUP_COMMANDS',
]
/** An agent that is banned from its pull request is stopped; a lifted ban does not start it again. */
const STOPS = [
  ['ban', 'ban'],
  ['remove-from-pr', 'ban'],
  ['unban', 'unban'],
] as const

function readSource(c: Context): string | undefined {
  const source = c.req.query('source_type')
  if (source === undefined || SOURCES.includes(source)) return source
  const msg = `Input should be ${SOURCES.map((word) => `'${word}'`).join(', ')}`
  throw invalid([{ loc: ['query', 'source_type'], msg, type: 'enum' }])
}
