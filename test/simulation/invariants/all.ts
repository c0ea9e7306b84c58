import { DECISIONS } from './decisions.ts'
import { EVIDENCE } from './evidence.ts'
import { GRAPH } from './graph.ts'
import type { Invariant } from './invariant.ts'
import { LIMITS } from './limits.ts'
import { ONE_AGENT } from './one-agent.ts'
import { RECORDS } from './records.ts'

/** What is asked at every step. What must hold of a whole seed (I5, I11) is asked by the simulation itself. */
export const INVARIANTS: readonly Invariant[] = [
  ...EVIDENCE,
  ...ONE_AGENT,
  ...GRAPH,
  ...LIMITS,
  ...RECORDS,
  ...DECISIONS,
]
