import type { Exploration } from './explore.ts'

const CHAIN = { isChained: true, concurrency: 1, onFailure: 'escalate', onTimeout: false } as const
const CHECKED = { ...CHAIN, isChecked: true } as const
const PAIR = { ...CHAIN, isChained: false } as const

/** What `npm run model` explores: each wholly. */
export const EXPLORATIONS: readonly Exploration[] = [
  { name: 'a crash, a lost and a doubled message', model: CHAIN, allowance: { crash: 1, lost: 1, doubled: 1 } },
  { name: 'side by side: a crash', model: PAIR, allowance: { crash: 1 } },
  { name: 'side by side: a lost and a doubled message', model: PAIR, allowance: { lost: 1, doubled: 1 } },
  { name: 'a lost message and an agent run that is listed late', model: CHAIN, allowance: { lost: 1, unlisted: 1 } },
  { name: 'a crash and an agent run that is listed late', model: CHAIN, allowance: { crash: 1, unlisted: 1 } },
  { name: 'a lost message and a list that cannot be read', model: CHAIN, allowance: { lost: 1, unreadable: 1 } },
  { name: 'a crash and a list that cannot be read', model: CHAIN, allowance: { crash: 1, unreadable: 1 } },
]

/** What `npm run model -- --all` explores besides. */
export const FURTHER: readonly Exploration[] = [
  { name: 'a crash and a failure', model: CHAIN, allowance: { crash: 1, failure: 1 } },
  { name: 'a crash and work that fails its check', model: CHECKED, allowance: { crash: 1, failure: 1 } },
  { name: 'a lost message and work that fails its check', model: CHECKED, allowance: { lost: 1, failure: 1 } },
  { name: 'a failure that nobody is asked about', model: { ...CHAIN, onFailure: 'fail' }, allowance: { failure: 2 } },
  { name: 'a crash and a pause', model: CHAIN, allowance: { crash: 1, pause: 1 } },
  { name: 'a crash and a refusal', model: CHAIN, allowance: { crash: 1, refusal: 1 } },
  { name: 'a crash and a deadline', model: CHAIN, allowance: { crash: 1, deadline: 1 } },
  { name: 'a crash and a command', model: CHAIN, allowance: { crash: 1, command: 1 } },
  { name: 'a lost message and a command', model: CHAIN, allowance: { lost: 1, command: 1 } },
  { name: 'a deadline and a command', model: CHAIN, allowance: { deadline: 1, command: 1 } },
  { name: 'a doubled command', model: CHAIN, allowance: { doubled: 1, command: 1 } },
  {
    name: 'side by side: a crash, a lost and a doubled message',
    model: PAIR,
    allowance: { crash: 1, lost: 1, doubled: 1 },
  },
]
