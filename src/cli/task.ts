import { parseTaskCommand } from '../api/commands.ts'
import type { TaskCommand } from '../domain/command.ts'
import { UsageError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { DURATION_HINT, parseDuration } from '../workflow/duration.ts'
import type { CliContext } from './context.ts'
import { dataDirOf } from './data-dir.ts'
import { resolveRun, resolveTask } from './folder-access.ts'
import { readText } from './read-text.ts'
import { sayTaken } from './tell-run.ts'
import { withOrchestrator } from './with-orchestrator.ts'

const MAX_RESULT_BYTES = 4 * 1024 * 1024
/** As the API takes it. */
const MAX_SAID_BYTES = 8_192
const ACTIONS = [
  'retry',
  'complete',
  'skip',
  'fail',
  'wait',
  'adopt',
  'approve',
  'reject',
  'answer',
  'steer',
  'pause',
  'continue',
  'cancel',
] as const

type Action = (typeof ACTIONS)[number]

/** The flags of `troupe task`, as typed; each belongs to one action. */
export interface TaskFlags {
  readonly prompt?: string
  readonly result?: string
  readonly reason?: string
  readonly text?: string
  readonly attempt?: string
  readonly resolve?: boolean
  readonly dataDir?: string
}

/** What a person typed after `troupe task`. */
export interface TaskWords {
  readonly run: string
  readonly task: string
  readonly action: string
  readonly duration?: string
}

/** Tells a task what to do; it is durable when this ends. Gives the exit code. */
export async function taskCommand(context: CliContext, words: TaskWords, flags: TaskFlags): Promise<number> {
  const task = resolveTask(words.task)
  const command = await readTaskCommand(words.action, words.duration, flags)
  const dataDir = dataDirOf(flags, context.env)
  await withOrchestrator(context, { dataDir, repeatable: () => false }, async ({ target, remote }) => {
    const run = await resolveRun(target, words.run)
    await target.restore(run)
    sayTaken(context, await target.commandTask(run, task, command), command.type, { remote, dataDir })
  })
  return 0
}

/** The command that the words mean. Throws UsageError. */
export async function readTaskCommand(
  action: string,
  duration: string | undefined,
  flags: TaskFlags,
): Promise<TaskCommand> {
  if (!isAction(action)) throw new UsageError(`'${action}' is nothing a task takes. There are: ${ACTIONS.join(', ')}.`)
  refuseStrangers(action, duration, flags)
  const { prompt, result, reason, attempt, text, resolve } = flags
  const why = () => (reason === undefined ? {} : { reason })
  const said = async () => ({ text: await readSaid(action, text) })
  const nothing = () => ({})
  const extras: Readonly<Record<Action, () => object | Promise<object>>> = {
    retry: () => ({ ...(prompt === undefined ? {} : { prompt }), ...(resolve === true ? { resolve } : {}) }),
    complete: async () => ({ result: result === undefined ? null : await readResult(result) }),
    skip: nothing,
    fail: why,
    wait: () => (duration === undefined ? {} : { ms: readDuration(duration) }),
    adopt: () => (attempt === undefined ? {} : { attempt: readAttempt(attempt) }),
    approve: nothing,
    reject: why,
    answer: said,
    steer: said,
    pause: nothing,
    continue: nothing,
    cancel: nothing,
  }
  return parseTaskCommand({ type: action, ...(await extras[action]()) })
}

function refuseStrangers(action: Action, duration: string | undefined, flags: TaskFlags): void {
  const { prompt, result, reason, attempt, text, resolve } = flags
  const given = { prompt, result, reason, attempt, text, resolve, duration }
  for (const name of Object.keys(OWNERS) as (keyof typeof OWNERS)[]) {
    if (given[name] === undefined || OWNERS[name].includes(action)) continue
    const what = name === 'duration' ? `The duration '${given[name]}'` : `--${name}`
    throw new UsageError(`${what} belongs to '${OWNERS[name].join("' and '")}', not to '${action}'.`)
  }
}

/** Which actions a flag belongs to. */
const OWNERS: Readonly<
  Record<'prompt' | 'resolve' | 'result' | 'reason' | 'attempt' | 'text' | 'duration', readonly Action[]>
> = {
  prompt: ['retry'],
  resolve: ['retry'],
  result: ['complete'],
  reason: ['fail', 'reject'],
  attempt: ['adopt'],
  text: ['answer', 'steer'],
  duration: ['wait'],
}

async function readSaid(action: string, text: string | undefined): Promise<string> {
  if (text === undefined) throw new UsageError(`${action}: say what, as in --text "The old one" or --text @FILE.`)
  return text.startsWith('@') ? readText(text.slice(1), MAX_SAID_BYTES) : text
}

async function readResult(text: string): Promise<Json> {
  const json = text.startsWith('@') ? await readText(text.slice(1), MAX_RESULT_BYTES) : text
  try {
    return JSON.parse(json) as Json
  } catch (cause) {
    throw new UsageError(`--result ${text.slice(0, 60)}: no JSON. Write text in double quotes, as in '"done"'.`, {
      cause,
    })
  }
}

function readAttempt(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`--attempt ${text}: write its number, as in --attempt 1.`)
}

function readDuration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) throw new UsageError(`wait ${text}: ${DURATION_HINT}.`)
  return ms
}

function isAction(text: string): text is Action {
  return ACTIONS.some((action) => action === text)
}
