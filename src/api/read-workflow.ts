import { Worker } from 'node:worker_threads'
import { UsageError, WorkflowError } from '../domain/errors.ts'
import type { Workflow } from '../domain/workflow.ts'
import { realClock } from '../host/clock.ts'
import { type GivenWorkflow, type PostedOptions, type ReadAnswer, readGivenWorkflow } from './posted-workflow.ts'

/** Up to this size a workflow is read here: that takes milliseconds, a thread takes a tenth of a second to begin. */
const SMALL_BYTES = 64 * 1024
/** A thread runs what is compiled; from source (development) all is read here. */
const IS_COMPILED = import.meta.url.endsWith('.js')
const LONGEST_MS = 30_000
const MOST_MEMORY_MB = 1024

/** What the thread is given. */
export interface ToRead {
  readonly given: GivenWorkflow
  readonly options: PostedOptions
}

let lastRead: Promise<unknown> = Promise.resolve()

/**
 * Reads and checks a workflow that came in. A large one is read in a thread of its own, one after the other, so that nobody else
 * waits for it: 4 MB can be made to take ten seconds. Throws WorkflowError; UsageError for what takes too long.
 */
export async function readWorkflow(given: GivenWorkflow, options: PostedOptions = {}): Promise<Workflow> {
  if (!IS_COMPILED || sizeOf(given) <= SMALL_BYTES) return readGivenWorkflow(given, options)
  const reading = lastRead.then(() => readInThread({ given, options }))
  lastRead = reading.catch(() => undefined)
  const answer = await reading
  if ('problems' in answer) throw new WorkflowError(answer.problems)
  return answer.workflow
}

function sizeOf(given: GivenWorkflow): number {
  if (given.kind === 'file') return given.text.length
  return typeof given.workflow === 'string' ? given.workflow.length : JSON.stringify(given.workflow).length
}

function readInThread(given: ToRead): Promise<ReadAnswer> {
  const thread = new Worker(new URL('./workflow-reader.js', import.meta.url), {
    workerData: given,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY_MB },
  })
  return new Promise<ReadAnswer>((resolve, reject) => {
    const tooMuch = (cause?: unknown) =>
      reject(new UsageError('The workflow takes too long or too much memory to read: make it smaller.', { cause }))
    const timer = realClock.setTimeout(() => tooMuch(), LONGEST_MS)
    thread.once('message', resolve)
    thread.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch(error) : reject(error),
    )
    thread.once('exit', () => {
      realClock.clearTimeout(timer)
      tooMuch()
    })
  }).finally(() => thread.terminate())
}
