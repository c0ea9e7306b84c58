import { dirname, join } from 'node:path'
import { UsageError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { RunSettings } from '../domain/orchestration.ts'
import type { Workflow } from '../domain/workflow.ts'
import { realClock } from '../host/clock.ts'
import { isLocalBackend } from '../workflow/backend-names.ts'
import { parseInputs } from '../workflow/inputs.ts'
import { backendsOf } from '../workflow-backends.ts'
import { withImageFiles } from '../workflow-images.ts'
import { createKeyedStarts, type KeyedRun, startKeyOf } from './idempotency.ts'
import { LOCAL_REFUSED } from './posted-workflow.ts'
import { readWorkflow } from './read-workflow.ts'
import type { ResolvedStart, StartRequest } from './requests.ts'
import type { Handlers, RoutesOptions } from './routes-options.ts'
import { openWorkflowFolder } from './workflow-folder.ts'

/** What begins runs, or takes them up again. */
export function startHandlers(options: RoutesOptions): Handlers<'startRun' | 'resumeRuns' | 'listWorkflows'> {
  const { orchestrator, admission } = options
  const folder = openWorkflowFolder(options.workflows)
  const allowLocal = options.allowLocal ?? options.trusted
  const startKeyed = createKeyedStarts(orchestrator)

  const readNamed = async (file: string): Promise<Workflow> => {
    const text = await folder.read(file)
    const source = { file, text, folder: dirname(join(options.workflows ?? '', file)) }
    return withImageFiles(await readWorkflow({ kind: 'file', file, text }), source, realClock)
  }
  const resolve = async (asked: StartRequest | ResolvedStart): Promise<PreparedStart> => {
    if ('resolved' in asked) return { ...asked, workflow: asked.resolved }
    const { workflow: posted, file = '', inputs = {}, settings = {} } = asked
    if (!allowLocal) refuseLocalBackend(settings)
    const workflow =
      posted === undefined
        ? await readNamed(file)
        : await readWorkflow({ kind: 'posted', workflow: posted }, { allowLocal })
    return { workflow, inputs: parseInputs(workflow, present(inputs)), settings: settledHere(workflow, settings) }
  }

  return {
    async startRun({ body, request }) {
      const key = startKeyOf(request.headers.get('idempotency-key'), body)
      const start = async () => {
        const { workflow, inputs, settings } = await resolve(body)
        const [run = ''] = await admission.admit(async () => [
          await orchestrator.start(workflow, inputs, settings, key),
        ])
        return run
      }
      const { run, replayed }: KeyedRun = key ? await startKeyed(key, start) : { run: await start(), replayed: false }
      const location = { Location: `/v1/runs/${run}` }
      return replayed
        ? { status: 200, body: { run }, headers: { ...location, 'Idempotency-Replayed': 'true' } }
        : { status: 201, body: { run }, headers: location }
    },
    async resumeRuns({ body: { run, settings } }) {
      if (!allowLocal) refuseLocalBackend(settings)
      return { status: 200, body: { runs: await admission.admit(() => orchestrator.resume(run, settings)) } }
    },
    async listWorkflows() {
      return { status: 200, body: { workflows: (await folder.list()).map((file) => ({ file })) } }
    },
  }
}

/** Local agents work in the folder of the server: whoever asks from elsewhere names none. */
function settledHere(workflow: Workflow, settings: RunSettings): RunSettings {
  const backends = settings.backend === undefined ? [...backendsOf(workflow)] : [settings.backend]
  return backends.some(isLocalBackend) ? { ...settings, directory: process.cwd() } : settings
}

/** Throws UsageError where the agents of a run would be moved to this machine. */
function refuseLocalBackend({ backend }: RunSettings = {}): void {
  if (backend !== undefined && isLocalBackend(backend)) {
    throw new UsageError(`settings.backend: '${backend}' ${LOCAL_REFUSED}.`)
  }
}

interface PreparedStart {
  readonly workflow: Workflow
  readonly inputs: JsonObject
  readonly settings: RunSettings
}

/** What came as JSON has no undefined values. */
function present(inputs: JsonObject) {
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
