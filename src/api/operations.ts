import { runCommand, taskCommand } from './commands.ts'
import type { Operation } from './operation.ts'
import { OUTSIDE_OPERATIONS } from './outside-operations.ts'
import { resumeRequest, startRequest } from './requests.ts'
import {
  logList,
  recordList,
  runList,
  runNamed,
  runsNamed,
  settledRun,
  taskList,
  workflowFiles,
} from './schemas/answers.ts'
import { backendsView } from './schemas/folder.ts'
import { runWork } from './schemas/local-work.ts'
import { eventsQuery, logsQuery, recordsQuery, removeQuery, runsQuery, tasksQuery } from './schemas/queries.ts'
import { commandReply } from './schemas/records.ts'
import { runView, taskResult, taskView } from './schemas/views.ts'
import { EVENTS_PATH, STREAM_PATH } from './stream-messages.ts'

const LOCATION = { Location: 'Where the run is: `/v1/runs/{run}`.' }
const ETAG = { ETag: 'Send it back as `If-None-Match`: what has not changed is answered with 304.' }
const IF_NONE_MATCH = { 'If-None-Match': { description: 'An ETag that came before.' } }
const NOT_MODIFIED = { description: 'It has not changed since that ETag.' }

/** Every operation of the routes: they, their checks and the documentation are made from this table. */
export const OPERATIONS = {
  startRun: {
    method: 'post',
    path: '/v1/runs',
    tag: 'Runs',
    summary: 'Start a run',
    description:
      'Starts a run of a posted workflow, or of a named file of the server’s folder. It is durable when the answer comes. ' +
      'With an `Idempotency-Key` the request may be sent again without starting a second run.',
    may: 'command',
    headers: {
      'Idempotency-Key': {
        description: '1 to 200 visible ASCII characters, new for each run. The same key with another body is refused.',
        pattern: '^[!-~]{1,200}$',
      },
    },
    body: startRequest,
    examples: {
      posted: {
        workflow: {
          name: 'hello',
          inputs: { who: { type: 'string', required: true } },
          tasks: { greet: { backend: 'simulated', prompt: 'Say hello to {{ inputs.who }}' } },
        },
        inputs: { who: 'Ada' },
      },
      text: { workflow: 'name: hello\ntasks:\n  greet: { backend: simulated, prompt: Say hello }\n' },
      file: { file: 'feature-development.yaml', inputs: { feature_request: 'Add login' }, settings: { speed: 60 } },
    },
    answers: {
      201: {
        description: 'The run began.',
        schema: runNamed,
        headers: LOCATION,
        example: { run: 'run_06f2r0m5e8q1w7xk3d' },
      },
      200: {
        description: 'The key started this run before; nothing was started now.',
        schema: runNamed,
        headers: { ...LOCATION, 'Idempotency-Replayed': '`true`' },
      },
    },
    errors: ['workflow-invalid', 'idempotency-conflict', 'not-found'],
  },
  listRuns: {
    method: 'get',
    path: '/v1/runs',
    tag: 'Runs',
    summary: 'List runs',
    description: 'All runs of the data folder, those that have ended included. Ids sort by the time of the start.',
    may: 'watch',
    query: runsQuery,
    answers: { 200: { description: 'The runs.', schema: runList } },
  },
  resumeRuns: {
    method: 'post',
    path: '/v1/runs/resume',
    tag: 'Runs',
    summary: 'Resume unfinished runs',
    description: 'Takes runs up that no process carries. A server does so by itself when it starts.',
    may: 'command',
    body: resumeRequest,
    examples: { all: {} },
    answers: { 200: { description: 'The runs that go on.', schema: runsNamed } },
    errors: ['not-found'],
  },
  readRun: {
    method: 'get',
    path: '/v1/runs/{run}',
    tag: 'Runs',
    summary: 'Show a run',
    may: 'watch',
    headers: IF_NONE_MATCH,
    answers: { 200: { description: 'The run with all its tasks.', schema: runView, headers: ETAG }, 304: NOT_MODIFIED },
    tagged: true,
  },
  removeRun: {
    method: 'delete',
    path: '/v1/runs/{run}',
    tag: 'Runs',
    summary: 'Delete or archive a finished run',
    may: 'command',
    query: removeQuery,
    answers: { 200: { description: 'It is gone.', schema: runNamed } },
    errors: ['command-refused'],
  },
  readOutcome: {
    method: 'get',
    path: '/v1/runs/{run}/outcome',
    tag: 'Runs',
    summary: 'Wait for the outcome of a run',
    description: 'Answers once the run has ended, or waits and nothing of it can progress without a person.',
    may: 'watch',
    answers: { 200: { description: 'How things stand, and the run as it is then.', schema: settledRun } },
  },
  listRecords: {
    method: 'get',
    path: '/v1/runs/{run}/records',
    tag: 'Runs',
    summary: 'Read records',
    description: 'The durable records of a run, from its first. To be told of new ones use the stream.',
    may: 'watch',
    query: recordsQuery,
    answers: { 200: { description: 'A page of records.', schema: recordList } },
  },
  readWork: {
    method: 'get',
    path: '/v1/runs/{run}/work',
    tag: 'Runs',
    summary: 'Show what local agents did',
    description:
      'The branch, commits and files of each attempt at agents of the server’s machine (`command:NAME`, `acp:NAME`), as git and ' +
      'their own notes tell it. Empty where the run used none.',
    may: 'watch',
    answers: { 200: { description: 'The attempts.', schema: runWork } },
  },
  commandRun: {
    method: 'post',
    path: '/v1/runs/{run}/commands',
    tag: 'Runs',
    summary: 'Command a run',
    description: 'What is legal now is in `commands` of the run.',
    may: 'command',
    body: runCommand,
    examples: { pause: { type: 'pause' }, continue: { type: 'continue', budget: { agentRuns: 10 } } },
    answers: {
      200: {
        description: 'It took effect; the record it caused is durable.',
        schema: commandReply,
        example: { run: 'run_06f2r0m5e8q1w7xk3d', seq: 42, state: 'paused' },
      },
    },
    errors: ['command-refused'],
  },
  listTasks: {
    method: 'get',
    path: '/v1/runs/{run}/tasks',
    tag: 'Tasks',
    summary: 'List the tasks of a run',
    may: 'watch',
    query: tasksQuery,
    headers: IF_NONE_MATCH,
    answers: { 200: { description: 'In the order of the graph.', schema: taskList, headers: ETAG }, 304: NOT_MODIFIED },
    tagged: true,
  },
  readTask: {
    method: 'get',
    path: '/v1/runs/{run}/tasks/{task}',
    tag: 'Tasks',
    summary: 'Show a task',
    may: 'watch',
    headers: IF_NONE_MATCH,
    answers: { 200: { description: 'The task.', schema: taskView, headers: ETAG }, 304: NOT_MODIFIED },
    tagged: true,
  },
  readLogs: {
    method: 'get',
    path: '/v1/runs/{run}/tasks/{task}/logs',
    tag: 'Tasks',
    summary: 'Read the log of a task’s agent',
    description: 'Asks the backend for the log of the newest agent run.',
    may: 'watch',
    query: logsQuery,
    answers: { 200: { description: 'The newest entries.', schema: logList } },
    errors: [
      'backend-quota',
      'backend-limit',
      'backend-auth',
      'backend-refused',
      'backend-not-found',
      'backend-invalid',
      'backend-unreachable',
      'backend-crashed',
      'backend-timeout',
      'backend-unknown-outcome',
      'backend-conflict',
    ],
  },
  readResult: {
    method: 'get',
    path: '/v1/runs/{run}/tasks/{task}/result',
    tag: 'Tasks',
    summary: 'Read the result of a task',
    may: 'watch',
    answers: { 200: { description: 'The whole result.', schema: taskResult } },
  },
  commandTask: {
    method: 'post',
    path: '/v1/runs/{run}/tasks/{task}/commands',
    tag: 'Tasks',
    summary: 'Command a task',
    description: 'What is legal now is in `commands` of the task.',
    may: 'command',
    body: taskCommand,
    examples: {
      retry: { type: 'retry', prompt: 'Try the other library' },
      complete: { type: 'complete', result: 'done' },
    },
    answers: { 200: { description: 'It took effect; the record it caused is durable.', schema: commandReply } },
    errors: ['command-refused'],
  },
  openStream: {
    method: 'get',
    path: STREAM_PATH,
    tag: 'Stream',
    summary: 'Open the stream',
    description: 'A WebSocket of the subprotocol `troupe.v1`: records as they become durable, and commands.',
    may: 'watch',
    answers: { 101: { description: 'The WebSocket is open; its first message is a welcome.' } },
    errors: ['upgrade-required'],
  },
  followEvents: {
    method: 'get',
    path: EVENTS_PATH,
    tag: 'Stream',
    summary: 'Follow records as server-sent events',
    description: 'The records of the stream for who can only read. The id of each event is a cursor.',
    may: 'watch',
    query: eventsQuery,
    queryBy: 'handler',
    headers: { 'Last-Event-ID': { description: 'The cursor to go on after; browsers send it by themselves.' } },
    answers: { 200: { description: 'Events without an end.', mediaType: 'text/event-stream' } },
    errors: ['usage', 'not-found'],
  },
  readBackends: {
    method: 'get',
    path: '/v1/backends',
    tag: 'Server',
    summary: 'Show limits and backends',
    description: 'What is used of each limit, what waits for it and until when, and whether the backends answer.',
    may: 'watch',
    answers: { 200: { description: 'Limits and backends.', schema: backendsView } },
  },
  listWorkflows: {
    method: 'get',
    path: '/v1/workflows',
    tag: 'Server',
    summary: 'List the workflow files that may be started by name',
    may: 'watch',
    answers: { 200: { description: 'The files of the configured folder; none without one.', schema: workflowFiles } },
  },
  readOpenApi: {
    method: 'get',
    path: '/openapi.json',
    tag: 'Server',
    summary: 'This description as an OpenAPI 3.1 document',
    may: 'anyone',
    answers: { 200: { description: 'The document.', mediaType: 'application/json' } },
  },
  readDocs: {
    method: 'get',
    path: '/docs',
    tag: 'Server',
    summary: 'This description as a page',
    may: 'anyone',
    answers: { 200: { description: 'The page.', mediaType: 'text/html; charset=utf-8' } },
  },
} as const satisfies Readonly<Record<string, Operation>>

export type OperationId = keyof typeof OPERATIONS

/** Every operation over HTTP, as it is documented. */
export const DOCUMENTED: readonly (readonly [id: string, operation: Operation])[] = [
  ...Object.entries(OPERATIONS),
  ...Object.entries(OUTSIDE_OPERATIONS),
]
