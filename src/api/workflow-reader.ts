/** A thread that reads one workflow and ends: see read-workflow.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { WorkflowError } from '../domain/errors.ts'
import { type ReadAnswer, readGivenWorkflow } from './posted-workflow.ts'
import type { ToRead } from './read-workflow.ts'

parentPort?.postMessage(answer(workerData as ToRead))

function answer({ given, options }: ToRead): ReadAnswer {
  try {
    return { workflow: readGivenWorkflow(given, options) }
  } catch (error) {
    if (error instanceof WorkflowError) return { problems: error.problems }
    throw error
  }
}
