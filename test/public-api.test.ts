import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import * as troupe from '../src/index.ts'

it('exports these values and no others', () => {
  expect(Object.keys(troupe).sort()).toEqual([
    'BackendError',
    'CommandRefusedError',
    'DataFolderError',
    'IdempotencyConflictError',
    'NotFoundError',
    'TroupeError',
    'UsageError',
    'WorkflowError',
    'createOrchestrator',
    'defineWorkflow',
    'loadWorkflow',
    'openDataFolderReader',
    'parseInputs',
    'serve',
  ])
})

it('exports by explicit names, never a whole module', () => {
  const source = readFileSync(resolve(import.meta.dirname, '../src/index.ts'), 'utf8')
  expect(source.includes('export *')).toBe(false)
})
