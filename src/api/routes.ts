import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { NotFoundError, UsageError } from '../domain/errors.ts'
import { MANAGER, parseTaskId } from '../domain/ids.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { TaskView } from '../domain/views.ts'
import { parseRunCommand, parseTaskCommand } from './commands.ts'
import { ApiError, errorBody, httpStatusOf, stopping } from './errors.ts'
import { parseCount, parseResumeRequest, parseStartRequest } from './requests.ts'
import type { RunAdmission } from './run-admission.ts'
import type { RunViews } from './run-views.ts'

const MAX_BODY_BYTES = 8 * 1024 * 1024
const RECORDS = { usual: 1000, most: 5000 }
const LOG_LINES = { usual: 200, most: 1000 }

/** What the routes speak for. */
export interface RoutesOptions {
  readonly orchestrator: Orchestrator
  readonly views: RunViews
  readonly admission: RunAdmission
  /** Aborted when the server ends: whoever waits for a run's outcome is told so. */
  readonly closing: AbortSignal
}

/** The API of one orchestrator: JSON in, JSON out, every error as `{code, message, details}`. */
export function createRoutes({ orchestrator, views, admission, closing }: RoutesOptions): Hono {
  const app = new Hono()
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }))
  app.onError((error, c) => c.json(errorBody(error), httpStatusOf(error)))
  app.notFound((c) =>
    c.json({ code: 'not-found', message: `There is no ${c.req.method} ${c.req.path}.`, details: {} }, 404),
  )
  app.route('/v1/runs', runRoutes(orchestrator, views, admission))
  app.route('/v1/runs', outcomeRoute(views, closing))
  app.route('/v1/runs', taskRoutes(orchestrator, views))
  app.get('/v1/backends', (c) => c.json(orchestrator.limits()))
  return app
}

function runRoutes(orchestrator: Orchestrator, views: RunViews, admission: RunAdmission): Hono {
  const app = new Hono()
  app.get('/', (c) => c.json({ runs: orchestrator.runs() }))
  app.post('/', async (c) => {
    const { workflow, inputs, settings } = parseStartRequest(await body(c))
    const [run] = await admission.admit(async () => [await orchestrator.start(workflow, inputs, settings)])
    return c.json({ run }, 201)
  })
  app.post('/resume', async (c) => {
    const { run, settings } = parseResumeRequest(await body(c))
    return c.json({ runs: await admission.admit(() => orchestrator.resume(run, settings)) })
  })
  app.get('/:run', async (c) => c.json(await views.read(c.req.param('run'))))
  app.get('/:run/records', async (c) => {
    const after = parseCount('after', c.req.query('after'), 0, Number.MAX_SAFE_INTEGER)
    const limit = parseCount('limit', c.req.query('limit'), RECORDS.usual, RECORDS.most)
    return c.json({ records: await orchestrator.records(c.req.param('run'), after, limit) })
  })
  app.post('/:run/commands', async (c) => {
    const command = parseRunCommand(await body(c))
    return c.json(await orchestrator.command(c.req.param('run'), command))
  })
  return app
}

/** A long poll. With the outcome comes the view it is about: the holder may be gone before that could be asked for. */
function outcomeRoute(views: RunViews, closing: AbortSignal): Hono {
  const app = new Hono()
  app.get('/:run/outcome', async (c) => {
    const run = c.req.param('run')
    try {
      if (closing.aborted) throw stopping()
      const outcome = await views.outcome(run, AbortSignal.any([c.req.raw.signal, closing]))
      return c.json({ outcome, view: await views.read(run) })
    } catch (cause) {
      if (!closing.aborted) throw cause
      throw stopping()
    }
  })
  return app
}

function taskRoutes(orchestrator: Orchestrator, views: RunViews): Hono {
  const app = new Hono()
  app.get('/:run/tasks/:task', async (c) =>
    c.json(await taskView(views, c.req.param('run'), taskId(c.req.param('task')))),
  )
  app.get('/:run/tasks/:task/logs', async (c) => {
    const limit = parseCount('limit', c.req.query('limit'), LOG_LINES.usual, LOG_LINES.most)
    return c.json({ entries: await orchestrator.logs(c.req.param('run'), taskId(c.req.param('task')), limit) })
  })
  app.get('/:run/tasks/:task/result', async (c) =>
    c.json(await orchestrator.result(c.req.param('run'), taskId(c.req.param('task')))),
  )
  app.post('/:run/tasks/:task/commands', async (c) => {
    const command = parseTaskCommand(await body(c))
    return c.json(await orchestrator.commandTask(c.req.param('run'), taskId(c.req.param('task')), command))
  })
  return app
}

async function body(c: Context): Promise<unknown> {
  const text = await c.req.text()
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UsageError('The body is no JSON.', { cause })
  }
}

function taskId(text: string): string {
  const task = parseTaskId(text)
  if (task === undefined)
    throw new NotFoundError(`Task '${text.slice(0, 100)}'`, 'A task is named like spec or execute.0.')
  return task
}

async function taskView(views: RunViews, run: string, task: string): Promise<TaskView> {
  const view = await views.read(run)
  const found = task === MANAGER ? view.manager : view.tasks.find((candidate) => candidate.task === task)
  if (found) return found
  const known = view.tasks.slice(0, 20).map((candidate) => candidate.task)
  throw new NotFoundError(`Task '${task}' of ${run}`, `The run has: ${known.join(', ')}.`)
}

function tooLarge(): never {
  throw new ApiError('too-large', `The body is larger than ${MAX_BODY_BYTES} bytes.`)
}
