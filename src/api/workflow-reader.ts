/** A thread that reads one workflow and ends: see read-workflow.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { WorkflowError } from '../domain/errors.ts'
import { type GivenWorkflow, type ReadAnswer, readGivenWorkflow } from './posted-workflow.ts'

parentPort?.postMessage(answer(workerData as GivenWorkflow))

function answer(given: GivenWorkflow): ReadAnswer {
  try {
    return { workflow: readGivenWorkflow(given) }
  } catch (error) {
    if (error instanceof WorkflowError) return { problems: error.problems }
    throw error
  }
}
