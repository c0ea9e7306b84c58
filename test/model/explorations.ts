import type { Exploration } from './explore.ts'

const CHAIN = { isChained: true, concurrency: 1, onFailure: 'escalate', onTimeout: false } as const
const PAIR = { ...CHAIN, isChained: false } as const
const MESSAGES = { crash: 1, lost: 1, doubled: 1 } as const

/** What `npm run model` explores. */
export const EXPLORATIONS: readonly Exploration[] = [
  { name: 'failure', model: CHAIN, allowance: { crash: 1, failure: 1 } },
  { name: 'doubt', model: CHAIN, allowance: { lost: 1, unreadable: 1 } },
  { name: 'doubt-crash', model: CHAIN, allowance: { crash: 1, unreadable: 1 } },
  { name: 'command', model: CHAIN, allowance: { crash: 1, command: 1 } },
  { name: 'command-lost', model: CHAIN, allowance: { lost: 1, command: 1 } },
  { name: 'deadline', model: CHAIN, allowance: { crash: 1, deadline: 1 } },
  { name: 'deadline-beside', model: { ...CHAIN, onTimeout: true }, allowance: { crash: 1, deadline: 1 } },
  { name: 'deadline-command', model: CHAIN, allowance: { deadline: 1, command: 1 } },
  { name: 'pause', model: CHAIN, allowance: { crash: 1, pause: 1 } },
  { name: 'refusal', model: CHAIN, allowance: { crash: 1, refusal: 1 } },
]
