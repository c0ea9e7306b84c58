import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonObject } from '../../../src/domain/json.ts'

/** One request to the Codegen API and what its answer holds, by the API's documents. */
export interface ContractCase {
  readonly title: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As in the OpenAPI file. */
  readonly operation: string
  readonly path: string
  readonly body?: JsonObject
  readonly status: number
  /** Every key of the answer. */
  readonly keys: readonly string[]
}

const ORG = '/v1/organizations/{org_id}'
const ALPHA = '/v1/alpha/organizations/{org_id}'
const RUN = [
  'id',
  'organization_id',
  'status',
  'created_at',
  'web_url',
  'result',
  'summary',
  'source_type',
  'github_pull_requests',
  'metadata',
]
const RUN_WITH_LOGS = [
  'id',
  'organization_id',
  'status',
  'created_at',
  'web_url',
  'result',
  'metadata',
  'logs',
  'total_logs',
  'page',
  'size',
  'pages',
]
const PAGE = ['items', 'total', 'page', 'size', 'pages']
const USER = ['id', 'email', 'github_user_id', 'github_username', 'avatar_url', 'full_name', 'role', 'is_admin']
const ERROR = ['message', 'status_code']
const INVALID = ['detail']

const get = (
  title: string,
  operation: string,
  path: string,
  status: number,
  keys: readonly string[],
): ContractCase => ({
  title,
  method: 'GET',
  operation,
  path,
  status,
  keys,
})
const post = (
  title: string,
  operation: string,
  body: JsonObject,
  status: number,
  keys: readonly string[],
): ContractCase => ({ title, method: 'POST', operation, path: operation.replace('{org_id}', '1'), body, status, keys })

/** The agent run 41001 exists, and no other. */
export const CONTRACT: readonly ContractCase[] = [
  post('creates an agent run', `${ORG}/agent/run`, { prompt: 'Do it.', images: null, repo_id: 1 }, 200, RUN),
  post('refuses a create without a prompt', `${ORG}/agent/run`, { metadata: {} }, 422, INVALID),
  post('refuses an unknown agent type', `${ORG}/agent/run`, { prompt: 'x', agent_type: 'other' }, 422, INVALID),
  get('reads an agent run', `${ORG}/agent/run/{agent_run_id}`, '/v1/organizations/1/agent/run/41001', 200, RUN),
  get('knows no other agent run', `${ORG}/agent/run/{agent_run_id}`, '/v1/organizations/1/agent/run/7', 404, ERROR),
  get(
    'refuses an id that is no number',
    `${ORG}/agent/run/{agent_run_id}`,
    '/v1/organizations/1/agent/run/x',
    422,
    INVALID,
  ),
  get(
    'refuses another organization',
    `${ORG}/agent/run/{agent_run_id}`,
    '/v1/organizations/2/agent/run/41001',
    403,
    ERROR,
  ),
  get('lists agent runs', `${ORG}/agent/runs`, '/v1/organizations/1/agent/runs?source_type=API&user_id=1', 200, PAGE),
  get('refuses a page of 101', `${ORG}/agent/runs`, '/v1/organizations/1/agent/runs?limit=101', 422, INVALID),
  get('refuses to skip -1', `${ORG}/agent/runs`, '/v1/organizations/1/agent/runs?skip=-1', 422, INVALID),
  get('refuses an unknown source', `${ORG}/agent/runs`, '/v1/organizations/1/agent/runs?source_type=FAX', 422, INVALID),
  get('refuses the list of another organization', `${ORG}/agent/runs`, '/v1/organizations/2/agent/runs', 403, ERROR),
  post('resumes', `${ORG}/agent/run/resume`, { agent_run_id: 41001, prompt: 'Go on.' }, 200, RUN),
  post('resumes no unknown run', `${ORG}/agent/run/resume`, { agent_run_id: 7, prompt: 'Go on.' }, 404, ERROR),
  post('refuses to resume without a prompt', `${ORG}/agent/run/resume`, { agent_run_id: 41001 }, 422, INVALID),
  post('bans', `${ORG}/agent/run/ban`, { agent_run_id: 41001, before_card_order_id: null }, 200, []),
  post('bans no unknown run', `${ORG}/agent/run/ban`, { agent_run_id: 7 }, 404, ERROR),
  post('lifts a ban', `${ORG}/agent/run/unban`, { agent_run_id: 41001 }, 200, []),
  post('removes from the pull request', `${ORG}/agent/run/remove-from-pr`, { agent_run_id: 41001 }, 200, []),
  get(
    'reads logs',
    `${ALPHA}/agent/run/{agent_run_id}/logs`,
    '/v1/alpha/organizations/1/agent/run/41001/logs?reverse=true',
    200,
    RUN_WITH_LOGS,
  ),
  get(
    'reads no logs of an unknown run',
    `${ALPHA}/agent/run/{agent_run_id}/logs`,
    '/v1/alpha/organizations/1/agent/run/7/logs',
    404,
    ERROR,
  ),
  get(
    'refuses logs in an unknown order',
    `${ALPHA}/agent/run/{agent_run_id}/logs`,
    '/v1/alpha/organizations/1/agent/run/41001/logs?reverse=up',
    422,
    INVALID,
  ),
  get('lists organizations', '/v1/organizations', '/v1/organizations', 200, PAGE),
  get('names the user of the token', '/v1/users/me', '/v1/users/me', 200, USER),
  get('lists users', `${ORG}/users`, '/v1/organizations/1/users?limit=1', 200, PAGE),
  get('reads a user', `${ORG}/users/{user_id}`, '/v1/organizations/1/users/2', 200, USER),
  get('knows no other user', `${ORG}/users/{user_id}`, '/v1/organizations/1/users/99', 404, ERROR),
  get('lists repositories', `${ORG}/repos`, '/v1/organizations/1/repos', 200, PAGE),
  get('lists models', `${ORG}/models`, '/v1/organizations/1/models', 200, ['providers', 'default_model']),
  post('generates setup commands', `${ORG}/setup-commands/generate`, { repo_id: 1 }, 200, [
    'agent_run_id',
    'status',
    'url',
  ]),
  {
    ...post('analyzes logs', `${ORG}/sandbox/{sandbox_id}/analyze-logs`, {}, 200, [
      'agent_run_id',
      'status',
      'message',
    ]),
    path: '/v1/organizations/1/sandbox/5/analyze-logs',
  },
  get('has no webhook at first', `${ORG}/webhooks/agent-run`, '/v1/organizations/1/webhooks/agent-run', 200, [
    'url',
    'enabled',
    'has_secret',
  ]),
  post('sets a webhook', `${ORG}/webhooks/agent-run`, { url: 'https://hooks.invalid/a', secret: 's' }, 200, [
    'message',
  ]),
  post('refuses a webhook that is no URL', `${ORG}/webhooks/agent-run`, { url: 'a' }, 422, INVALID),
  post('tests a webhook', `${ORG}/webhooks/agent-run/test`, { url: 'https://hooks.invalid/a' }, 200, ['message']),
  {
    ...get('removes the webhook', `${ORG}/webhooks/agent-run`, '/v1/organizations/1/webhooks/agent-run', 200, [
      'message',
    ]),
    method: 'DELETE',
  },
]

const SPECIFICATION = fileURLToPath(new URL('../../../../shared/reference/codegen-openapi3.json', import.meta.url))

/** What the published OpenAPI file has against an answer; nothing where the file is not at hand. */
export function createSpecificationCheck(): (request: ContractCase, body: unknown) => readonly string[] {
  if (!existsSync(SPECIFICATION)) return () => []
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema(JSON.parse(readFileSync(SPECIFICATION, 'utf8')), 'codegen')
  return ({ method, operation, status }, body) => {
    const steps = [
      'paths',
      operation,
      method.toLowerCase(),
      'responses',
      String(status),
      'content',
      'application/json',
      'schema',
    ]
    const pointer = steps.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')
    const validate = ajv.getSchema(`codegen#/${pointer}`)
    if (validate === undefined) return [`The specification has no ${method} ${operation} ${status}.`]
    return validate(body) ? [] : [ajv.errorsText(validate.errors)]
  }
}
