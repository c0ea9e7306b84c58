import type { Exploration } from './explore.ts'

const CHAIN = { isChained: true, concurrency: 1, onFailure: 'escalate', onTimeout: false } as const
const PAIR = { ...CHAIN, isChained: false } as const
const MESSAGES = { crash: 1, lost: 1, doubled: 1 } as const

/** What `npm run model` explores. */
export const EXPLORATIONS: readonly Exploration[] = [
  { name: 'nothing', model: CHAIN, allowance: {} },
  { name: 'nothing-pair', model: PAIR, allowance: {} },
  { name: 'crash', model: CHAIN, allowance: { crash: 1 } },
  { name: 'lost', model: CHAIN, allowance: { lost: 1 } },
  { name: 'doubled', model: CHAIN, allowance: { doubled: 1 } },
  { name: 'chain', model: CHAIN, allowance: MESSAGES },
]
